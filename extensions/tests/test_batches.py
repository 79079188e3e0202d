"""Batches of items and of primary keys."""

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from extensions.db.batches import batches, key_batches


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [[0]]), (4, [[0, 1], [2, 3]]), (5, [[0, 1], [2, 3], [4]])]
)
def test_items_keep_their_order_and_the_last_batch_is_shorter(
    count: int, expected: list[list[int]]
) -> None:
    assert list(batches(iter(range(count)), size=2)) == expected


@pytest.mark.django_db
def test_keys_come_in_ascending_order_one_statement_a_batch(
    django_assert_num_queries: object,
) -> None:
    keys = sorted(UserFactory().pk for _ in range(5))
    with django_assert_num_queries(4):  # type: ignore[operator]  # the last one finds no key
        found = list(key_batches(User.objects.all(), size=2))
    assert found == [keys[:2], keys[2:4], keys[4:]]


@pytest.mark.django_db
def test_a_row_deleted_between_two_batches_is_left_out() -> None:
    users = [UserFactory() for _ in range(4)]
    found = key_batches(User.objects.all(), size=2)
    next(found)
    users[2].delete()
    assert next(found) == [users[3].pk]
