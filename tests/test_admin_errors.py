"""Each form of the admin shows every error of its model, also one on a column it has no field of.

Django answers such an error with 500.
"""

from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model
from django.test import RequestFactory

from accounts.models import User
from appointment.models import WaitlistEntry, WorkListItem
from appointment.tests.factories import AppointmentFactory
from doctor.models import TimeOff
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
FAULT = "Refused."


def error_on_all_columns(of: Any) -> ValidationError:
    """Return an error on each column of the model, and on one that it lacks."""
    columns = [field.name for field in of._meta.concrete_fields]
    return ValidationError(dict.fromkeys((*columns, "no_such_column"), FAULT))


def a_row(model: type[Model]) -> Model:
    """Return an unsaved row; for the form of the work list, which reads its row, a visit."""
    if model is WorkListItem:
        return WorkListItem.objects.get(pk=AppointmentFactory().pk)
    return model()


def request_of(user: User) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("change", [False, True])
def test_no_form_has_an_error_without_a_place(
    change: bool, model: type[Model], superuser: User
) -> None:
    page_of_model, request = admin.site._registry[model], request_of(superuser)
    row = model() if change else None
    form_class = page_of_model.get_form(request, row, change=change)
    inlines = [
        inline.get_formset(request, row).form
        for inline in page_of_model.get_inline_instances(request, row)
    ]
    for each in (form_class, *inlines):
        form = each({}, instance=a_row(each._meta.model))
        form.full_clean()
        form.add_error(None, error_on_all_columns(each._meta.model))
        form.add_error("no_such_column", FAULT)
        assert FAULT in form.errors[NON_FIELD_ERRORS]
        assert form.errors.keys() - {NON_FIELD_ERRORS} <= form.fields.keys()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_an_error_of_the_model_on_any_column_is_shown(
    model: type[Model], superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not admin.site._registry[model].has_add_permission(request_of(superuser)):
        return  # only methods of the model write it, or a form that needs a row

    def clean(self: Any) -> None:
        raise error_on_all_columns(self)

    monkeypatch.setattr(model, "clean", clean)
    refused = AdminClient(superuser).send(page(model, "add"))
    assert refused.status_code == 200
    assert FAULT in refused.context["adminform"].form.non_field_errors()


@pytest.mark.parametrize(
    ("model", "column", "field"),
    [
        (TimeOff, "starts_at", "starts"),
        (TimeOff, "ends_at", "ends"),
        (WaitlistEntry, "weekday_bits", "weekdays"),
    ],
)
def test_an_error_stands_beside_the_field_in_which_the_column_is_typed(
    model: type[Model], column: str, field: str, superuser: User
) -> None:
    form = admin.site._registry[model].get_form(request_of(superuser))({})
    form.full_clean()
    form.add_error(None, ValidationError({column: FAULT}))
    assert FAULT in form.errors[field]
    assert FAULT not in form.non_field_errors()
