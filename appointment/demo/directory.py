"""The directory of the demo: locations, specialties, languages, and doctors with their hours."""

from dataclasses import dataclass
from datetime import time

# Name: (SNOMED CT code of FHIR's value set c80-practice-codes, description).
SPECIALTIES = {
    "General practice": ("394814009", "The first door for any complaint, and check-ups."),
    "Cardiology": ("394579002", "Heart and vessels."),
    "Dermatology": ("394582007", "Skin, hair and nails."),
    "Obstetrics and gynecology": ("394585009", "Women's health and pregnancy."),
    "Neurology": ("394591006", "Brain and nerves, headache, sleep."),
    "Ophthalmology": ("394594003", "Eyes and sight."),
    "Psychiatry": ("394587001", "Mental health."),
    "Rehabilitation": ("394602003", "Exercise in small groups after injury or surgery."),
}
LANGUAGES = {  # by BCP 47 tag
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt-BR": "Portuguese (Brazil)",
    "ar": "Arabic",
}


@dataclass(frozen=True)
class DemoLocation:
    """A location, with its country and booking rules."""

    name: str
    address: str
    time_zone: str
    phone: str
    country: str  # ISO 3166-1
    subdivision: str  # ISO 3166-2
    min_notice_minutes: int | None = None
    horizon_days: int | None = None
    cancel_deadline_minutes: int | None = None
    max_live_per_patient: int | None = None


@dataclass(frozen=True)
class SessionHours:
    """The session of every working day, in wall times of the location."""

    start_time: time
    end_time: time
    slot_minutes: int
    capacity: int = 1


@dataclass(frozen=True)
class DemoDoctor:
    """A doctor, with the location and hours of the doctor's sessions."""

    license_number: str
    location: DemoLocation
    hours: SessionHours
    title: str
    first_name: str
    last_name: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    bio: str
    has_weekly_hours: bool = False  # weekly hours generate the coming sessions


LICENSE_PREFIX = "DEMO-"  # of the license numbers; doctors that staff add have another
MADRID = DemoLocation(
    "Clínica del Retiro, Madrid",
    "Calle de Alcalá 100, 28009 Madrid, Spain",
    "Europe/Madrid",
    "+34910000000",
    "ES",
    "ES-MD",
)
NEW_YORK = DemoLocation(
    "Riverside Clinic, New York",
    "500 Riverside Drive, New York, NY 10027, United States",
    "America/New_York",
    "+12125550100",
    "US",
    "US-NY",
    min_notice_minutes=60,
    horizon_days=60,
    cancel_deadline_minutes=12 * 60,
    max_live_per_patient=10,
)
LOCATIONS = (MADRID, NEW_YORK)

ALL_DAY = SessionHours(time(9), time(17), 30)
MORNING = SessionHours(time(9), time(13), 20)
AFTERNOON = SessionHours(time(13), time(17), 20)
LONG_VISITS = SessionHours(time(9, 30), time(15, 30), 60)
GROUPS = SessionHours(time(10), time(16), 90, capacity=4)

DOCTORS = (
    DemoDoctor("DEMO-M1", MADRID, ALL_DAY, "Dr.", "Elena", "Navarro",
         ("General practice",), ("es", "en"),
         "Family doctor for all ages, twenty years in the neighbourhood."),
    DemoDoctor("DEMO-M2", MADRID, MORNING, "Dr.", "Javier", "Molina",
         ("Cardiology",), ("es", "fr"),
         "Echocardiography and high blood pressure.", has_weekly_hours=True),
    DemoDoctor("DEMO-M3", MADRID, AFTERNOON, "Dr.", "Inés", "Carrasco",
         ("Dermatology",), ("es", "pt-BR"),
         "Moles, eczema and acne, of children too."),
    DemoDoctor("DEMO-M4", MADRID, MORNING, "Dr.", "Salma", "Benali",
         ("Obstetrics and gynecology",), ("es", "ar", "fr"),
         "Pregnancy care and ultrasound."),
    DemoDoctor("DEMO-M5", MADRID, LONG_VISITS, "Prof.", "Klaus", "Hartmann",
         ("Neurology", "Psychiatry"), ("de", "es"),
         "Headache, memory and sleep."),
    DemoDoctor("DEMO-M6", MADRID, GROUPS, "", "Tomás", "Iglesias",
         ("Rehabilitation",), ("es", "en"),
         "Back school and knees, four people a group."),
    DemoDoctor("DEMO-N1", NEW_YORK, ALL_DAY, "Dr.", "Grace", "Whitfield",
         ("General practice",), ("en", "es"),
         "Primary care, vaccination and travel medicine."),
    DemoDoctor("DEMO-N2", NEW_YORK, AFTERNOON, "Dr.", "Marcus", "Bennett",
         ("Cardiology", "General practice"), ("en",),
         "Prevention, and care after a heart attack.", has_weekly_hours=True),
    DemoDoctor("DEMO-N3", NEW_YORK, MORNING, "Dr.", "Beatriz", "Oliveira",
         ("Ophthalmology",), ("en", "pt-BR"),
         "Cataract, glaucoma and diabetic eyes."),
    DemoDoctor("DEMO-N4", NEW_YORK, AFTERNOON, "Dr.", "Omar", "Haddad",
         ("Dermatology",), ("en", "ar"),
         "Skin cancer screening."),
    DemoDoctor("DEMO-N5", NEW_YORK, LONG_VISITS, "Dr.", "Camille", "Laurent",
         ("Psychiatry",), ("en", "fr"),
         "Anxiety, depression and grief."),
    DemoDoctor("DEMO-N6", NEW_YORK, GROUPS, "", "Hannah", "Vogel",
         ("Rehabilitation", "Neurology"), ("en", "de"),
         "Recovery after a stroke, four people a group."),
)  # fmt: skip
