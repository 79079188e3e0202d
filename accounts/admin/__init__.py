"""The admins of accounts, second factors, API tokens, and of other packages' models."""

from accounts.admin import (  # noqa: F401  (importing them registers them)
    others,
    second_factor,
    tokens,
    users,
)
from accounts.audit import admin  # noqa: F401  (importing it registers it)
