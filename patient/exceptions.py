"""Domain errors of patients."""

from django.utils.translation import gettext_lazy as _

from extensions.exceptions import DomainError


class ProfileExists(DomainError):
    """The user already has a profile that is not a dependent's."""

    code = "profile_exists"
    message = _("You have a profile already; change that one.")


class ProfileDiffers(ProfileExists):
    """The profile of the account and the record of the code are of different persons."""

    message = _(
        "Your profile differs from the record at the clinic. Ask the reception to merge them."
    )


class MergeRefused(DomainError):
    """The base of the reasons why two records cannot be merged."""

    code = "merge_refused"
    message = _("These records cannot be merged.")


class SameRecord(MergeRefused):
    message = _("This is the same record. Choose another one.")


class AlreadyMerged(MergeRefused):
    message = _("One of these records has been merged already.")


class TwoAccounts(MergeRefused):
    message = _(
        "The records belong to two different accounts. The owner of one account must first delete "
        "the profile or the dependent there."
    )


class OwnRecord(MergeRefused):
    message = _(
        "One of these records is of your own account. Ask another member of staff to merge it."
    )


class OneIsDeceased(MergeRefused):
    message = _("One of these records is marked deceased. First mark both, or take the mark back.")


class NoClaimCode(DomainError):
    """Staff cannot give a code for this record."""

    code = "no_claim_code"
    message = _("There is no code for this record.")
