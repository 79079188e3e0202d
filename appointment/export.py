"""The export of all data on an account or a patient: one JSON file, in bounded memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from axes.models import AccessAttempt
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.utils.encoders import JSONEncoder

from accounts.models import AuditEvent, KnownDevice, NotificationChoice, OutgoingMessage, User
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    DeclinedSlot,
    IdempotencyKey,
    Offer,
    WaitlistEntry,
)
from appointment.serializers.export import FORMAT, VERSION, AccountSerializer, ExportSerializer
from extensions.db.batches import row_batches
from extensions.rest.fields import in_seconds
from patient.models import ClaimCode, EmergencyAccess, MedicalHistory, MergedPatient, Patient

MEMORY_LIMIT = 1024 * 1024  # bytes; a larger export goes to an unnamed temporary file


@dataclass(frozen=True)
class Export:
    """All data on an account and its patients, or on one patient without the account."""

    account: User | None
    patients: QuerySet[Patient]

    @classmethod
    def for_account(cls, user: User) -> "Export":
        """Return the export of the account, its own profile and its dependents."""
        return cls(user, Patient.objects.cared_for_by(user))

    @classmethod
    def for_patient(cls, patient: Patient) -> "Export":
        """Return the export of the patient, or of the account whose own profile it is."""
        if patient.user and not patient.is_dependent:
            return cls.for_account(patient.user)
        return cls(None, Patient.objects.filter(pk=patient.pk))

    def write(self, file: IO[str]) -> None:
        """Record an audit event for each patient, then write the JSON."""
        AuditEvent.objects.record("export", Patient, self.patients or [None])
        head = {"format": FORMAT, "version": VERSION, "exported_at": in_seconds(timezone.now())}
        account = self.account and AccountSerializer(self.account).data
        file.write(_json({**head, "account": account})[:-1])
        for name, rows in self.sections().items():
            file.write(f',\n"{name}": [')
            _write_list(file, self._rows_as_json(name, rows))
            file.write("]")
        file.write("}\n")

    def sections(self) -> dict[str, QuerySet[Any]]:
        """Map the name of each list in the file to its rows."""
        account, of_patients = self.account, {"patient__in": self.patients}
        email = account.email if account else ""  # "" matches no mail and no login
        log = MergedPatient.objects.access_log_of(self.patients).select_related("actor")
        events = Prefetch("events", AppointmentEvent.objects.order_by("pk"))
        visits = Appointment.objects.filter(**of_patients).with_names().prefetch_related(events)
        entries = WaitlistEntry.objects.filter(**of_patients).select_related("doctor", "specialty")
        declined = DeclinedSlot.objects.filter(**of_patients)
        return {
            "devices": AuthToken.objects.filter(user=account).select_related("device"),
            "known_devices": KnownDevice.objects.filter(user=account),
            "calendar_feeds": CalendarFeed.objects.filter(user=account),
            "notifications": NotificationChoice.objects.filter(user=account),
            "mails": self._messages(),
            "refused_logins": AccessAttempt.objects.filter(username=email),
            "patients": self.patients,
            "medical_history": MedicalHistory.objects.filter(**of_patients),
            "appointments": visits,
            "waitlist": entries.prefetch_related("offers__slot__location"),
            "declined_slots": declined.select_related("doctor", "location"),
            "kept_answers": IdempotencyKey.objects.filter(user=account),
            "emergency_accesses": EmergencyAccess.objects.filter(**of_patients),
            "merged_records": MergedPatient.objects.filter(**of_patients),
            "claim_codes": ClaimCode.objects.filter(**of_patients),
            "access_log": log,
        }

    def _messages(self) -> QuerySet[Any]:
        """Return the messages to the account, and about the visits and offers of the patients."""
        visits = Appointment.objects.filter(patient__in=self.patients)
        offers = Offer.objects.filter(entry__patient__in=self.patients)
        messages = OutgoingMessage.objects
        of_visits = messages.about_rows("visit", visits) | messages.about_rows("offer", offers)
        return messages.about(self.account) | of_visits

    def _rows_as_json(self, name: str, rows: QuerySet[Any]) -> Iterator[str]:
        """Yield each row as JSON, by primary key, read in batches."""
        field: Any = ExportSerializer().fields[name]
        for batch in row_batches(rows):
            yield from (_json(field.child.to_representation(row)) for row in batch)


def write_to_spooled_file(export: Export) -> IO[bytes]:
    """Write the export to a temporary file, in memory up to MEMORY_LIMIT; return it rewound."""
    file: Any = SpooledTemporaryFile(MEMORY_LIMIT)  # noqa: SIM115  (the response closes it)
    text = TextIOWrapper(file, encoding="utf-8")
    export.write(text)
    text.flush()
    text.detach()
    file.seek(0)
    opened: IO[bytes] = file
    return opened


def _write_list(file: IO[str], rows: Iterator[str]) -> None:
    for number, row in enumerate(rows):
        file.write(f"{',' if number else ''}\n{row}")


def _json(value: Any) -> str:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False)
