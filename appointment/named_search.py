"""The search by which staff of a site find a patient whom they do not see: last name, birth date.

The forms of the admin and the pages of the desk use it. A search counts toward the limits, and
leaves a denied event if it finds no patient: a user who tries every date would find any patient.
The session remembers who was found, so that the user can book for them.
"""

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit.denials import record_denied_search
from accounts.exceptions import Throttled
from accounts.privacy import sees_all_sites
from accounts.requests import signed_in_user
from appointment.models.acting import named
from appointment.models.site_patients import has_something_at_sites_of
from appointment.throttles import DailyNamedSearchThrottle, NamedSearchThrottle
from doctor.wall_time import earliest_date
from extensions.search import typed_terms
from patient.models import Patient, PatientQuerySet

FOUND = "patients_found"  # in the session: keys of patients whom the user named exactly
MOST_FOUND = 20
HOW_TO_NAME = _("Last name and birth date find any patient: García 1984-12-03.")


def bookable_patients(request: HttpRequest) -> PatientQuerySet:
    """Return the patients for whom the user may book; all, if the user is not restricted.

    Those with something at the sites of the user, and those whom the user has named exactly.
    """
    if sees_all_sites(request):
        return Patient.objects.all()
    here = has_something_at_sites_of(signed_in_user(request))
    return Patient.objects.filter(here | Q(pk__in=request.session.get(FOUND, [])))


def find_named(request: HttpRequest, text: str) -> list[int] | None:
    """Return the keys of the patients whom the text names exactly, and remember them.

    None if the text is no last name with a birth date, or the user sees all sites. Raises
    Throttled over a limit.
    """
    exactly = named_in(text)
    if exactly is None or not signed_in_user(request).sites:
        return None
    count_named_search(request)
    keys = list(Patient.objects.filter(exactly).values_list("pk", flat=True)[:MOST_FOUND])
    if keys:
        remember(request, keys)
    else:
        record_denied_search(request, Patient)
    return keys


def remember(request: HttpRequest, keys: list[int]) -> None:
    """Let the user select these patients until the session ends."""
    others = [key for key in request.session.get(FOUND, []) if key not in keys]
    request.session[FOUND] = [*others, *keys][-MOST_FOUND:]


def count_named_search(request: HttpRequest) -> None:
    """Count a search by name; over a limit record a denied event and raise Throttled."""
    throttles = (NamedSearchThrottle(), DailyNamedSearchThrottle())
    over = [each for each in throttles if not each.allow_request(request, None)]
    if over:
        record_denied_search(request, Patient)
        raise Throttled(wait=int(max(each.wait() for each in over)) + 1)


def named_in(term: str) -> Q | None:
    """Return the condition for a term such as "García 1984-12-03"; None for any other term.

    The date may be typed in any way that a search reads, before or after the name. A year of two
    digits is the past one, if only one is; otherwise the text names no date.
    """
    terms, today = typed_terms(term), earliest_date(timezone.now())
    names = [each for each in terms if each.word]
    days = [day for each in terms for day in each.days if len(each.days) == 1 or day <= today]
    if len(days) != 1 or not names or len(names) + 1 < len(terms):
        return None
    return named(" ".join(each.word for each in names), days[0])
