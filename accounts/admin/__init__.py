"""The admin: a second front door through the same verbs as the API.

What all apps share is here; accounts, tokens and the admins of other packages are registered here.
"""

from accounts.admin import (  # noqa: F401  (importing them registers them)
    audit,
    others,
    second_factor,
    tokens,
    users,
)
from accounts.admin.forms import RevisingForm
from accounts.admin.links import change_link, list_link
from accounts.admin.privacy import HidesAccounts, may_view_accounts, name_of
from accounts.admin.sturdy import ReadOnlyAdmin, SturdyAdmin
from accounts.admin.trail import LeavesTrail
from accounts.admin.verbs import REFUSALS, VerbAdmin, by

__all__ = [
    "REFUSALS",
    "HidesAccounts",
    "LeavesTrail",
    "ReadOnlyAdmin",
    "RevisingForm",
    "SturdyAdmin",
    "VerbAdmin",
    "by",
    "change_link",
    "list_link",
    "may_view_accounts",
    "name_of",
]
