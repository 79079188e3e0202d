"""Lists of accounts find and sort people by folded names."""

from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from doctor.models import SiteStaff
from doctor.tests.factories import LocationFactory
from tests.admin_client import AdminClient, page

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def found(client: AdminClient, model: type[Any], typed: str) -> list[Any]:
    return list(client.get(page(model), q=typed).context["cl"].result_list)


@pytest.mark.parametrize(
    "typed", ["Lucia Reed", "REED, lucia", "Reed lu@x.example", "lu@x.example", "LUC\u00cdA"]
)
def test_an_account_is_found_by_its_folded_name(superuser: User, typed: str) -> None:
    user = UserFactory(first_name="Lucía", last_name="Reed", email="lu@x.example")
    UserFactory(first_name="Zoë", last_name="Zimmer")
    assert found(AdminClient(superuser), User, typed) == [user]


def test_a_member_of_a_site_is_found_by_the_folded_name(superuser: User) -> None:
    user = UserFactory(first_name="Zoë", last_name="Álvarez")
    member = SiteStaff.objects.create(user=user, location=LocationFactory(name="Clínica Ñ"))
    for typed in ("zoe alvarez", "ALVAREZ clinica"):
        assert found(AdminClient(superuser), SiteStaff, typed) == [member]
    assert found(AdminClient(superuser), SiteStaff, "zoe zimmer") == []


def test_accounts_are_sorted_without_accents_and_case(superuser: User) -> None:
    for last in ("Zimmer", "Álvarez", "alonso"):
        UserFactory(first_name="Zoë", last_name=last)
    listed = AdminClient(superuser).get(page(User), q="zoe", o="3").context["cl"].result_list
    assert [each.last_name for each in listed] == ["alonso", "Álvarez", "Zimmer"]


def test_a_new_name_is_found_at_once(superuser: User) -> None:
    user = UserFactory(first_name="Ana", last_name="Reed")
    user.revise(last_name="Łuk")
    client = AdminClient(superuser)
    assert (found(client, User, "reed"), found(client, User, "luk")) == ([], [user])
