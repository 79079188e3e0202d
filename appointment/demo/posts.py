"""The demo's two clinics and who works there in which hours; nothing but data."""

from dataclasses import dataclass
from datetime import time

# SNOMED CT, from FHIR's value set c80-practice-codes.
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
LANGUAGES = {  # BCP 47
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt-BR": "Portuguese (Brazil)",
    "ar": "Arabic",
}


@dataclass(frozen=True)
class Clinic:
    """A location."""

    name: str
    address: str
    time_zone: str
    phone: str
    min_notice_minutes: int | None = None
    horizon_days: int | None = None
    cancel_deadline_minutes: int | None = None
    max_live_per_patient: int | None = None


@dataclass(frozen=True)
class Hours:
    """A session as it is held on every working day, in wall time."""

    start_time: time
    end_time: time
    slot_minutes: int
    capacity: int = 1


@dataclass(frozen=True)
class Post:
    """Somebody's work at one of the clinics."""

    license_number: str
    clinic: Clinic
    hours: Hours
    title: str
    first_name: str
    last_name: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    bio: str
    is_weekly: bool = False  # keeps weekly hours, from which the sessions to come are made


LICENSE = "DEMO-"  # what tells the demo's doctors from those that somebody added
MADRID = Clinic(
    "Clínica del Retiro, Madrid",
    "Calle de Alcalá 100, 28009 Madrid, Spain",
    "Europe/Madrid",
    "+34910000000",
)
NEW_YORK = Clinic(
    "Riverside Clinic, New York",
    "500 Riverside Drive, New York, NY 10027, United States",
    "America/New_York",
    "+12125550100",
    min_notice_minutes=60,
    horizon_days=60,
    cancel_deadline_minutes=12 * 60,
    max_live_per_patient=10,
)
CLINICS = (MADRID, NEW_YORK)

ALL_DAY = Hours(time(9), time(17), 30)
MORNING = Hours(time(9), time(13), 20)
AFTERNOON = Hours(time(13), time(17), 20)
LONG_VISITS = Hours(time(9, 30), time(15, 30), 60)
GROUPS = Hours(time(10), time(16), 90, capacity=4)

POSTS = (
    Post("DEMO-M1", MADRID, ALL_DAY, "Dr.", "Elena", "Navarro",
         ("General practice",), ("es", "en"),
         "Family doctor for all ages, twenty years in the neighbourhood."),
    Post("DEMO-M2", MADRID, MORNING, "Dr.", "Javier", "Molina",
         ("Cardiology",), ("es", "fr"),
         "Echocardiography and high blood pressure.", is_weekly=True),
    Post("DEMO-M3", MADRID, AFTERNOON, "Dr.", "Inés", "Carrasco",
         ("Dermatology",), ("es", "pt-BR"),
         "Moles, eczema and acne, of children too."),
    Post("DEMO-M4", MADRID, MORNING, "Dr.", "Salma", "Benali",
         ("Obstetrics and gynecology",), ("es", "ar", "fr"),
         "Pregnancy care and ultrasound."),
    Post("DEMO-M5", MADRID, LONG_VISITS, "Prof.", "Klaus", "Hartmann",
         ("Neurology", "Psychiatry"), ("de", "es"),
         "Headache, memory and sleep."),
    Post("DEMO-M6", MADRID, GROUPS, "", "Tomás", "Iglesias",
         ("Rehabilitation",), ("es", "en"),
         "Back school and knees, four people a group."),
    Post("DEMO-N1", NEW_YORK, ALL_DAY, "Dr.", "Grace", "Whitfield",
         ("General practice",), ("en", "es"),
         "Primary care, vaccination and travel medicine."),
    Post("DEMO-N2", NEW_YORK, AFTERNOON, "Dr.", "Marcus", "Bennett",
         ("Cardiology", "General practice"), ("en",),
         "Prevention, and care after a heart attack.", is_weekly=True),
    Post("DEMO-N3", NEW_YORK, MORNING, "Dr.", "Beatriz", "Oliveira",
         ("Ophthalmology",), ("en", "pt-BR"),
         "Cataract, glaucoma and diabetic eyes."),
    Post("DEMO-N4", NEW_YORK, AFTERNOON, "Dr.", "Omar", "Haddad",
         ("Dermatology",), ("en", "ar"),
         "Skin cancer screening."),
    Post("DEMO-N5", NEW_YORK, LONG_VISITS, "Dr.", "Camille", "Laurent",
         ("Psychiatry",), ("en", "fr"),
         "Anxiety, depression and grief."),
    Post("DEMO-N6", NEW_YORK, GROUPS, "", "Hannah", "Vogel",
         ("Rehabilitation", "Neurology"), ("en", "de"),
         "Recovery after a stroke, four people a group."),
)  # fmt: skip
