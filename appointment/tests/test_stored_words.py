"""What is stored in English is shown in the reader's language: admin log, audit trail, imports."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils.translation import gettext, override

from accounts.tests.factories import SuperuserFactory
from appointment.desk.navigation import AUDITED
from extensions.admin.log import shown_message
from patient.imports import sexes_by_name
from patient.models import Patient
from patient.tests.factories import PatientFactory

APP = Path(__file__).resolve().parent.parent


@pytest.mark.django_db
def test_a_merge_is_shown_in_the_language_of_the_reader(client: Client) -> None:
    client.force_login(SuperuserFactory())
    kept, gone = PatientFactory(), PatientFactory(user=None)
    key = gone.pk
    client.post(f"/admin/patient/patient/{kept.pk}/merge/", {"other": key, "_merge": "yes"})
    assert not Patient.objects.filter(pk=key).exists()
    for language, shown in (
        ("en", f"Merged with record {key}."),
        ("es", f"Fusionado con el registro {key}."),
    ):
        page = client.get(
            f"/admin/patient/patient/{kept.pk}/history/", headers={"Accept-Language": language}
        )
        assert shown in page.content.decode()


def test_a_message_of_the_log_keeps_its_value() -> None:
    with override("es"):
        assert (
            shown_message("Sent again since 2026-12-01.") == "Enviado de nuevo desde el 2026-12-01."
        )
        assert shown_message("Checked in.") == "Llegada registrada."
        assert shown_message("100 % typed by staff") == "100 % typed by staff"
        assert shown_message("") == ""


def test_each_page_of_the_audit_trail_has_a_name_in_each_language() -> None:
    kinds = {
        kind
        for path in APP.glob("desk/*.py")
        for kind in re.findall(r'"(desk\.[a-z_]+)"', path.read_text())
    }
    assert {kind.replace(".", ": ").replace("_", " ") for kind in kinds} <= set(AUDITED)
    with override("es"):
        assert all(gettext(name) != name for name in AUDITED)


def test_a_letter_that_means_two_sexes_is_no_sex() -> None:
    words = sexes_by_name()
    assert words["mujer"] == words["f"] == words["female"] == "female"
    assert words["hombre"] == words["h"] == words["male"] == "male"
    assert "m" not in words
