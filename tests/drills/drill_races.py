"""Races of hundreds of threads. The suite runs the same bodies with fewer threads."""

import pytest

from tests import race_bodies, race_rescheduling

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_200_for_5_places_of_a_slot_5_win(sized) -> None:
    race_bodies.assert_five_win(max(20, sized(200)))


def test_of_200_for_a_session_of_5_slots_5_win_one_slot_each(sized) -> None:
    race_bodies.assert_five_slots_are_sold_once(max(20, sized(200)))


def test_of_50_who_cancel_a_visit_one_gives_one_place_back(sized) -> None:
    race_bodies.assert_one_cancels(max(10, sized(50)))


def test_of_two_overlapping_sessions_one_is_published_and_nothing_deadlocks(sized) -> None:
    for _ in range(sized(50)):
        race_bodies.assert_one_of_two_sessions_is_published()


def test_opposite_moves_all_go_well(sized) -> None:
    for _ in range(sized(20)):
        race_rescheduling.assert_opposite_moves_all_go_well(8)


def test_of_many_who_move_to_the_last_place_one_gets_it(sized) -> None:
    for _ in range(sized(20)):
        race_rescheduling.assert_the_last_place_goes_to_one(12)
