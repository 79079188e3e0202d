"""The visits to be rebooked, as a list of their own for staff."""

from appointment.models.appointment import Appointment


class WorkListItem(Appointment):
    """An appointment that leave, changed hours or a doctor who left have hit."""

    class Meta:
        proxy = True
        default_permissions = ("view", "change")
        verbose_name = "visit to rebook"
        verbose_name_plural = "visits to rebook"
