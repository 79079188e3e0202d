"""Limits on wrong claim codes; the setting RATES has the numbers."""

from extensions.rest.throttling import PerAddressThrottle, PerUserThrottle


class ClaimThrottle(PerUserThrottle):
    """Limit the wrong claim codes of a user a day."""

    scope = "claim"


class ClaimAddressThrottle(PerAddressThrottle):
    """Limit the wrong claim codes from an IP address a day, over all accounts."""

    scope = "claim_address"
