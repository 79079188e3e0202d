"""The statuses of a waitlist entry."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class WaitlistStatus(models.TextChoices):
    """The status of an entry; waiting and offered ones are in line.

    An entry whose offer is declined or expires waits again, in the same position. No verb sets
    `declined`: it is reserved for an entry that staff take off the waitlist.
    """

    WAITING = "waiting", _("Waiting")
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")


IN_LINE = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)
