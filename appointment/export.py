"""Everything held on somebody, written as one JSON file in bounded memory."""

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

from accounts.models import AuditEvent, OutgoingMail, User
from appointment.models import Appointment, AppointmentEvent, IdempotencyKey, WaitlistEntry
from appointment.serializers.export import FORMAT, VERSION, AccountSerializer, ExportSerializer
from patient.models import EmergencyAccess, MedicalHistory, Patient

AT_ONCE = 500
IN_MEMORY = 1024 * 1024  # bytes; what is larger goes through a file that nobody else can open


@dataclass(frozen=True)
class Export:
    """What is held on an account and whom it cares for, or on one patient apart from it."""

    account: User | None
    patients: QuerySet[Patient]

    @classmethod
    def of_account(cls, user: User) -> "Export":
        """On the account, its own profile and its dependents."""
        return cls(user, Patient.objects.cared_for_by(user))

    @classmethod
    def of_patient(cls, patient: Patient) -> "Export":
        """On the patient; with the whole account where the profile is the account's own."""
        if patient.user and not patient.is_dependent:
            return cls.of_account(patient.user)
        return cls(None, Patient.objects.filter(pk=patient.pk))

    def write(self, file: IO[str]) -> None:
        """Write all of it down, after an event that says so for each patient."""
        AuditEvent.objects.record("export", Patient, self.patients or [None])
        head = {"format": FORMAT, "version": VERSION, "exported_at": timezone.now()}
        account = self.account and AccountSerializer(self.account).data
        file.write(_json({**head, "account": account})[:-1])
        for name, rows in self.sections().items():
            file.write(f',\n"{name}": [')
            _write_list(file, self._shown(name, rows))
            file.write("]")
        file.write("}\n")

    def sections(self) -> dict[str, QuerySet[Any]]:
        """What the lists of the file are of."""
        account, of_them = self.account, {"patient__in": self.patients}
        email = account.email if account else ""  # nobody's
        keys = self.patients.values("pk")
        log = AuditEvent.objects.access_log_of(keys).select_related("actor")
        events = Prefetch("events", AppointmentEvent.objects.order_by("pk"))
        visits = Appointment.objects.filter(**of_them).with_names().prefetch_related(events)
        waits = WaitlistEntry.objects.filter(**of_them).select_related("doctor", "specialty")
        return {
            "devices": AuthToken.objects.filter(user=account).select_related("device"),
            "mails": OutgoingMail.objects.filter(address=email),
            "refused_logins": AccessAttempt.objects.filter(username=email),
            "patients": self.patients,
            "medical_history": MedicalHistory.objects.filter(**of_them),
            "appointments": visits,
            "waitlist": waits.prefetch_related("offers__slot"),
            "kept_answers": IdempotencyKey.objects.filter(user=account),
            "emergency_accesses": EmergencyAccess.objects.filter(**of_them),
            "access_log": log,
        }

    def _shown(self, name: str, rows: QuerySet[Any]) -> Iterator[str]:
        """The rows of a list by their keys, some at a time, each as JSON."""
        field: Any = ExportSerializer().fields[name]
        last, rows = None, rows.order_by("pk")
        while some := list((rows.filter(pk__gt=last) if last else rows)[:AT_ONCE]):
            yield from (_json(field.child.to_representation(row)) for row in some)
            last = some[-1].pk


def spooled(export: Export) -> IO[bytes]:
    """The export, at its start: in memory while it is small, else on disk under no name."""
    file: Any = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (whoever answers with it closes it)
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
