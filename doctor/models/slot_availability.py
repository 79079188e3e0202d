"""Whether a slot is open, and whether its appointments can take place: conditions over slots.

A slot is kept over when its weekly hours have changed and it stays only because of the
appointments on it.
"""

from typing import Any

from django.db.models import Case, Exists, F, Func, IntegerField, OuterRef, Q, Subquery, Value, When

from doctor.models.time_off import TimeOff


def on_leave() -> Q:
    """Match slots that overlap leave of their doctor or a closure of their location."""
    overlapping = TimeOff.objects.filter(
        starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
    )
    of_doctor = Exists(overlapping.filter(doctor=OuterRef("doctor")))
    return Q(of_doctor | Exists(overlapping.filter(location=OuterRef("location"))))


def closures() -> Any:
    """Return an expression: how many causes call a slot off; it is 0 where `called_off` is false.

    Each leave and each closure counts, and so do changed hours and an inactive doctor.
    """
    overlapping = TimeOff.objects.filter(
        Q(doctor=OuterRef("doctor")) | Q(location=OuterRef("location")),
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("starts_at"),
    )
    count = Func(F("pk"), function="COUNT", output_field=IntegerField())
    leaves = Subquery(overlapping.order_by().annotate(number=count).values("number"))
    return leaves + _one_if(kept_over=True) + _one_if(doctor__is_active=False)


def _one_if(**condition: bool) -> Case:
    return Case(When(**condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def may_open() -> Q:
    """Match slots that patients may book, as far as session, doctor and leave are concerned.

    The verbs store the result in `is_open`, which listing and booking read.
    """
    accepting = Q(
        schedule__is_active=True,
        doctor__is_active=True,
        doctor__accepts_patients=True,
        kept_over=False,
    )
    return accepting & ~on_leave()


def called_off() -> Q:
    """Match slots on which no appointment can take place as booked.

    The slot is kept over, overlaps leave, or its doctor is inactive. An inactive session and a
    doctor who takes no new patients keep their appointments.
    """
    return Q(kept_over=True) | Q(doctor__is_active=False) | on_leave()
