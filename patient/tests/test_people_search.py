"""A patient is found in the admin by what the page shows and by what people type instead."""

from unicodedata import normalize

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from extensions.search import typed_terms
from patient.models import Patient, PatientWord, word
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

PEOPLE = {
    "Lucía Reed": {"date_of_birth": "1951-04-24", "phone_number": "+12125550132"},
    "Conor O\u2019Brien": {"phone_number": "+447911123456"},
    "Anne Lefèvre": {},
    "Jörg Schäfer": {},
    "Mary Smith-Jones": {},
    "Søren Łukasz Weiß": {},
    "\u5c0f\u660e \u738b": {},
    "\u0623\u062d\u0645\u062f \u0639\u0644\u064a": {},
    normalize("NFD", "José Muñoz"): {},
}


@pytest.fixture
def people() -> None:
    for name, more in PEOPLE.items():
        first, last = name.rsplit(" ", 1)
        PatientFactory(first_name=first, last_name=last, user=None, **more)


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


def found(client: AdminClient, typed: str) -> list[str]:
    return [each.name for each in client.get(page(Patient), q=typed).context["cl"].result_list]


FOUND_BY = {
    "Lucía Reed": [
        "Lucia Reed", "reed lucía", "Reed, Lucía", "REED", "luc ree", "1951-04-24", "24/04/1951",
        "24.4.1951", "24 April 1951", "Reed 24/04/1951", "1951", "Lucía Reed, born 24 Apr 1951",
        "212-555-0132", "(212) 555-0132", "+1 212 555 0132", "001 212 555 0132", "212555",
        "24.4.51", "April 24, 1951", "Lucía Reed, born 24 Apr 1951, deceased",
        "0132", "555-0132", "Reed 0132", "Reed (212) 555-0132",
        "\uff32\uff45\uff45\uff44", normalize("NFD", "Lucía"),
    ],
    "Conor O\u2019Brien": [
        "O'Brien", "O\u2019Brien", "O`Brien", "OBrien", "O Brien", "Brien", "Conor O'Brien",
        "0044 7911 123456", "+44 7911 123456", "07911 123456", "7911123456", "+44 (0)7911 123456",
    ],
    "Anne Lefèvre": ["Lefevre", "LEFÈVRE"],
    "Jörg Schäfer": ["Schafer", "jorg sch", "Schaefer", "Joerg"],
    "Mary Smith-Jones": ["Smith-Jones", "smith jones", "Jones", "SmithJones", "Smith\u2010Jones"],
    "Søren Łukasz Weiß": ["soren lukasz weiss", "WEISS", "Weiß"],
    "\u5c0f\u660e \u738b": ["\u738b", "\u738b\u5c0f\u660e", "\u5c0f\u660e\u738b"],
    "\u0623\u062d\u0645\u062f \u0639\u0644\u064a": ["\u0623\u062d\u0645\u062f", "\u0627\u062d"],
    normalize("NFD", "José Muñoz"): ["jose munoz", "Muñoz"],
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_patient_is_found_by_what_is_typed(
    reception: AdminClient, people: None, name: str
) -> None:
    answers = {typed: found(reception, typed) for typed in FOUND_BY[name]}
    assert answers == {typed: [name] for typed in answers}


@pytest.mark.parametrize(
    "typed",
    ["eed", "Reed Conor", "Reed 1951-04-25", "5550133", "132", "%", "Re_d", "=1951", "+1x", "#"],
)
def test_a_text_that_begins_no_word_finds_no_patient(
    reception: AdminClient, people: None, typed: str
) -> None:
    assert found(reception, typed) == []


def test_patients_are_sorted_without_accents_and_case(superuser: User) -> None:
    names = ["Zimmer", "álvarez", "Alvarez Ruiz", "Ödön", "olsen", "Alvarez"]
    for name in names:
        PatientFactory(last_name=name, first_name="")
    in_order = ["álvarez", "Alvarez", "Alvarez Ruiz", "Ödön", "olsen", "Zimmer"]
    assert [each.last_name for each in Patient.objects.all()] == in_order
    listed = AdminClient(superuser).get(page(Patient), o="-1").context["cl"].result_list
    assert [each.last_name for each in listed] == in_order[::-1]


# --- Many matches ---------------------------------------------------------------------------------


@pytest.fixture
def two_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patient.models.patient.MANY", 2)
    monkeypatch.setattr("extensions.admin.search.MOST_LISTED", 2)
    monkeypatch.setattr("extensions.admin.base.BaseAdmin.list_per_page", 1)


def test_of_many_matches_the_first_are_listed_with_a_warning(
    reception: AdminClient, two_are_many: None
) -> None:
    for first in ("Zoe", "Ana", "Mia", "Bea"):
        PatientFactory(first_name=first, last_name="García")
    answer = reception.get(page(Patient), q="garcia")
    second = reception.get(page(Patient), q="garcia", p="2")
    pages = [each.context["cl"] for each in (answer, second)]
    assert [each.first_name for cl in pages for each in cl.result_list] == ["Ana", "Bea"]
    assert pages[0].paginator.num_pages == 2
    assert "match, of which" in answer.content.decode()
    two = reception.get(page(Patient), q="garcia mia")
    assert "match, of which" not in two.content.decode()


def test_a_filter_is_applied_before_the_first_are_chosen(
    reception: AdminClient, two_are_many: None
) -> None:
    for first in ("Ana", "Bea", "Cid"):
        PatientFactory(first_name=first, last_name="García")
    PatientFactory(first_name="Zoe", last_name="García", sex="female")
    rows = reception.get(page(Patient), q="garcia", sex__exact="female").context["cl"].result_list
    assert [each.first_name for each in rows] == ["Zoe"]


def test_no_action_runs_on_more_matches_than_are_listed(
    superuser: User, two_are_many: None
) -> None:
    for first in ("Ana", "Bea", "Cid"):
        PatientFactory(first_name=first, last_name="García")
    pks = [Patient.objects.first().pk]
    typed = {"action": "delete_selected", "select_across": "1", "_selected_action": pks}
    answer = AdminClient(superuser).send(f"{page(Patient)}?q=garcia", typed)
    assert "match, of which" in answer.content.decode()
    assert Patient.objects.count() == 3


# --- The index ------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["Lucia Reed", "24/04/1951", "0044 7911 123456", "1951", "m g"])
def test_a_search_reads_ranges_of_an_index(people: None, typed: str) -> None:
    index, seen = "patient_patientword_text", ""
    with CaptureQueriesContext(connection) as captured:
        Patient.objects.search_condition(typed_terms(typed), Patient.objects.all().search_columns)
    reads = [query["sql"] for query in captured.captured_queries if "SELECT" in query["sql"]]
    assert reads
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table has few rows
        for sql in reads:
            plan = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{plan} {sql}")
            seen = str(cursor.fetchall())
            assert index in seen, seen


def test_the_terms_of_the_fewest_people_are_read_first(people: None) -> None:
    for n in range(4):
        PatientFactory(first_name="Mo", last_name=f"Xy{n}")
    PatientFactory(first_name="Mo", last_name="Zz")
    ranges = PatientWord.objects.matching(typed_terms("m z"), {"last_name"})
    assert {each.text.split()[0] for words in ranges for each in words} == {"zz"}
    assert word.SHORT == 2
