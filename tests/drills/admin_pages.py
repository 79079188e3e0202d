"""Every page of the admin, made from its registry, as paths on a database that has a clinic in it.

    for page in pages_of(user, words_of_clinic()): client.get(page.path)

A drill measures them, and so can a benchmark: this needs a database, and nothing of the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.messages.storage.cookie import CookieStorage
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.models import Appointment
from doctor.models import Doctor
from extensions.admin.periods import ALL, PERIOD
from patient.models import Patient

DEEP = (1, 5, 100, 200)  # pages of a list; the last of 10,000 rows is the 200th
MOST_CHOICES = 6  # of a filter, of which doctors have hundreds: the first and the last
NEVER = "Qwerty Zxcvb"


@dataclass(frozen=True)
class Page:
    """A page of the admin: what it is, and its path with the query."""

    model: str
    name: str
    path: str


@dataclass(frozen=True)
class Words:
    """What people type into the searches."""

    rare: str
    common: str
    letter: str
    phone: str
    last_digits: str
    born: str
    doctor: str
    day: str
    common_on_day: str
    number: str
    time: str
    email: str

    def all(self) -> dict[str, str]:
        """Return the texts by what they are, and one that nothing has."""
        return {**self.__dict__, "nothing": NEVER}


def words_of_clinic() -> Words:
    """Return words of a patient with a recent visit, of the doctor, and common ones."""
    visit = (
        Appointment.objects.filter(date__lte=timezone.now().date(), patient__isnull=False)
        .select_related("patient", "doctor")
        .order_by("-date", "starts_at", "pk")[0]
    )
    patient = visit.patient
    assert patient is not None
    common = _commonest_name()
    number: Any = patient.phone_number
    digits = str(number).lstrip("+")
    account = User.objects.filter(is_staff=False).order_by("pk").first() or User.objects.earliest(
        "pk"
    )
    return Words(
        rare=f"{patient.first_name} {patient.last_name}", common=common, letter=common[0].lower(),
        phone=f"+{digits}", last_digits=digits[-4:],
        born=patient.date_of_birth.isoformat() if patient.date_of_birth else "1984-12-03",
        doctor=f"{visit.doctor.first_name} {visit.doctor.last_name}", day=str(visit.date),
        common_on_day=f"{common} {visit.date}", number=str(visit.pk), time="09:00",
        email=account.email,
    )  # fmt: skip


def _commonest_name() -> str:
    names = Patient.objects.order_by("pk").values_list("first_name", flat=True)[:2000]
    found = [name.split()[0] for name in names if name]
    return max(set(found), key=found.count)


def request_of(user: User, **query: str) -> Any:
    """Return a GET request of the user, which takes messages."""
    request: Any = RequestFactory().get("/", query)
    request.user, request._messages = user, CookieStorage(request)
    return request


def pages_of(user: User, words: Words, models: Any = None) -> Iterator[Page]:
    """Yield every page that this user may open: lists, rows, histories, forms, suggestions."""
    for model in models or sorted(admin.site._registry, key=lambda each: each._meta.label):
        request = request_of(user)
        model_admin: Any = admin.site.get_model_admin(model)
        if not model_admin.has_view_or_change_permission(request):
            continue
        pages = ListPages(model, model_admin, request)
        yield from pages.of_periods()
        yield from pages.of_filters()
        yield from pages.of_orders()
        yield from pages.of_searches(words)
        yield from pages.deep()
        yield from pages.of_rows()
        yield from pages.of_suggestions(words)


@dataclass
class ListPages:
    """The pages of one model."""

    model: type[Model]
    model_admin: Any
    request: Any

    def page(self, name: str, view: str = "changelist", *args: Any, **query: Any) -> Page:
        """Return a page of the model."""
        options = self.model._meta
        path = reverse(f"admin:{options.app_label}_{options.model_name}_{view}", args=args)
        query_string = f"?{urlencode(query)}" if query else ""
        return Page(options.label, name, f"{path}{query_string}")

    def of_periods(self) -> Iterator[Page]:
        """Yield the list as it opens, and of each kind of period."""
        yield self.page("list")
        column = self.model_admin.date_hierarchy
        if column:
            yield self.page("all dates", **{PERIOD: ALL})
            year = {f"{column}__year": timezone.now().year}
            month = {**year, f"{column}__month": timezone.now().month}
            yield self.page("year", **year)
            yield self.page("month", **month)
            yield self.page("day", **month, **{f"{column}__day": timezone.now().day})
            before = timezone.now() - timedelta(days=400)
            past = {f"{column}__year": before.year, f"{column}__month": before.month}
            yield self.page("a month before", **past)

    def of_filters(self) -> Iterator[Page]:
        """Yield the list with each choice of each filter, as it opens and for all dates."""
        changelist = self.model_admin.get_changelist_instance(self.request)
        for spec in changelist.filter_specs:
            choices = [each["query_string"].removeprefix("?") for each in spec.choices(changelist)]
            if len(choices) > MOST_CHOICES:
                choices = choices[: MOST_CHOICES // 2] + choices[-MOST_CHOICES // 2 :]
            for query in filter(None, dict.fromkeys(choices)):
                list_page = self.page(f"filter {query}")
                yield Page(list_page.model, list_page.name, f"{list_page.path}?{query}")
                if self.model_admin.date_hierarchy and PERIOD not in query:
                    name = f"filter {query}, all dates"
                    yield Page(list_page.model, name, f"{list_page.path}?{query}&{PERIOD}={ALL}")

    def of_orders(self) -> Iterator[Page]:
        """Yield the list sorted by each column that is sortable, both ways."""
        columns = self.model_admin.get_list_display(self.request)
        checkbox = 0 if self.model_admin.get_actions(self.request) else -1
        for number, column in enumerate(columns, checkbox + 1):
            if column in self.model_admin.get_sortable_by(self.request):
                for order in (number, -number):
                    yield self.page(f"order {column} {order}", o=order)
                    yield self.page(f"order {column} {order}, all", o=order, **self._everything())

    def of_searches(self, words: Words) -> Iterator[Page]:
        """Yield the list for each kind of words."""
        if self.model_admin.get_search_fields(self.request):
            for name, text in words.all().items():
                yield self.page(f"search {name}", q=text)

    def deep(self) -> Iterator[Page]:
        """Yield the pages far on in the list, as far as it has them."""
        changelist = self._whole_list()
        for number in DEEP:
            if number <= changelist.paginator.num_pages:
                yield self.page(f"page {number}", p=number, **self._everything())

    def of_rows(self) -> Iterator[Page]:
        """Yield the pages of a row: change, history, deletion; and the one that adds a row."""
        if self.model_admin.has_add_permission(self.request):
            yield self.page("add", "add")
        for row in self._whole_list().result_list[:1]:
            key = quote(row.pk)
            yield self.page("change", "change", key)
            yield self.page("history", "history", key)
            if self.model_admin.has_delete_permission(self.request, row):
                yield self.page("delete", "delete", key)
        if self.model is Doctor:
            yield self.page("delete", "delete", Appointment.objects.latest("pk").doctor_id)
        if self.model is Patient:
            yield from self._links_of_patient()

    def of_suggestions(self, words: Words) -> Iterator[Page]:
        """Yield the suggestions of each field of the model's form, for each kind of words."""
        forms = (self.model_admin, *self.model_admin.inlines)
        for form in forms:
            for field in form.autocomplete_fields:
                model = form.model if form is not self.model_admin else self.model
                if not self._may_choose(model, field):
                    continue
                asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
                for name, text in {"blank": "", **words.all()}.items():
                    query = urlencode({**asked, "field_name": field, "term": text})
                    path = f"{reverse('admin:autocomplete')}?{query}"
                    yield Page(model._meta.label, f"suggestions of {field}: {name}", path)

    def _may_choose(self, model: Any, field: str) -> bool:
        """Whether the user may see what the field suggests."""
        related = model._meta.get_field(field).related_model
        return bool(admin.site.get_model_admin(related).has_view_permission(self.request))

    def _links_of_patient(self) -> Iterator[Page]:
        key = Appointment.objects.filter(patient__isnull=False).latest("pk").patient_id
        visits = reverse("admin:appointment_appointment_changelist")
        yield self.page("change of one with visits", "change", key)
        yield self.page("merge", "merge", key)
        yield self.page("claim code", "claim_code", key)
        yield self.page("deceased", "deceased", key)
        yield Page("patient.Patient", "link to visits", f"{visits}?patient__id__exact={key}")
        if AuditEvent in admin.site._registry:
            events = reverse("admin:accounts_auditevent_changelist")
            yield Page("patient.Patient", "link to audit", f"{events}?patient_id__exact={key}")

    def _everything(self) -> dict[str, str]:
        return {PERIOD: ALL} if self.model_admin.date_hierarchy else {}

    def _whole_list(self) -> Any:
        request = request_of(self.request.user, **self._everything())
        return self.model_admin.get_changelist_instance(request)
