"""The admin of messages: what was sent, what waits, and what was given up, with another try."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.messages import EMAIL, PUSH, SMS, kinds, reason_text
from accounts.models.message import OutgoingMessage, OutgoingMessageQuerySet
from accounts.privacy import may_view_accounts, sees_all_sites
from accounts.requests import signed_in_user
from appointment.messages.state import NAMES, NAMES_OF_ALL, is_overtaken
from doctor.admin.sites import SiteAdminMixin
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines
from extensions.admin.lists import MOST_READ
from extensions.exceptions import DomainError

MAX_REFUSALS_SHOWN = 5
ABOUT = {
    "": _("account"),
    "visit": _("visit %(number)s"),
    "offer": _("offer %(number)s"),
    "doctor": _("doctor %(number)s"),
    "webhook": _("webhook %(number)s"),
}
CHANNELS = {EMAIL: _("e-mail"), SMS: _("SMS"), PUSH: _("push")}
DEAD, WAITING, SENT = "dead", "waiting", "sent"


class StateFilter(admin.SimpleListFilter):
    """Filter by what became of a message; an index has those that were given up."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(DEAD, _("given up")), (WAITING, _("to be sent")), (SENT, _("sent"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        rows: Any = queryset
        match self.value():
            case "dead":
                return rows.dead()
            case "waiting":
                return rows.filter(sent_at=None, given_up_at=None)
            case "sent":
                return rows.filter(sent_at__isnull=False)
            case None:
                return rows
        raise IncorrectLookupParameters


class ChannelFilter(admin.SimpleListFilter):
    """Filter by the channel of a message."""

    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [*CHANNELS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if self.value() in CHANNELS:
            return queryset.filter(channel=self.value())
        if self.value() is None:
            return queryset
        raise IncorrectLookupParameters


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(SiteAdminMixin, ReadOnlyAdmin):
    """All messages, newest first; staff of a site see those about visits at their sites.

    The address of a mail is shown to those who may view accounts. Another try, a copy and "told by
    telephone" need the permission to change messages.
    """

    addressed = ("address", "user")
    readonly_fields = (
        "name",
        "about",
        "way",
        *addressed,
        "copy",
        "created_at",
        "due_at",
        "expires_at",
        "attempts",
        "tried_at",
        "sent_at",
        "given_up_at",
        "settled_at",
        "why",
        "receipt",
    )
    list_display = ("created_at", "what", "way", "about", "state", "why")
    list_filter = (StateFilter, ChannelFilter)
    unindexed_filters = ("state", "channel")
    most_read_for_sites = MOST_READ
    search_fields = ("object_id__exact",)
    search_help_text = _("Number of the visit.")
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("retry", "send_again", "settle")

    def most_read(self, request: HttpRequest) -> int | None:
        """Return how many of the latest rows the list reads; None if an index has its rows."""
        is_indexed = request.GET.get("state") == DEAD and not request.GET.get("channel")
        return None if is_indexed and sees_all_sites(request) else super().most_read(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("user")
        return rows.annotate(overtaken=Q(kind__in=NAMES) & is_overtaken())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the messages about the visit with the typed number: offers have numbers too."""
        rows = queryset.filter(kind__in=NAMES) if search_term.strip() else queryset
        return super().get_search_results(request, rows, search_term)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields; addresses and accounts for those who may view accounts alone."""
        if may_view_accounts(request):
            return self.readonly_fields
        return [name for name in self.readonly_fields if name not in self.addressed]

    get_readonly_fields = get_fields

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Whether the user may have messages sent again."""
        return bool(request.user.has_perm("accounts.change_outgoingmessage"))

    # --- Columns ---

    @admin.display(description=_("message"))
    def what(self, row: OutgoingMessage) -> SafeString:
        """Return its kind, and which copy it is."""
        copy = _("copy %(number)s") % {"number": row.copy} if row.copy else ""
        return two_lines(self.name(row), copy)

    @admin.display(description=_("kind"))
    def name(self, row: OutgoingMessage) -> str:
        """Return its kind in words; the kind of a later version as it is."""
        return str(NAMES_OF_ALL.get(row.kind, row.kind))

    @admin.display(description=_("channel"), empty_value="-")
    def way(self, row: OutgoingMessage) -> str:
        """Return its channel in words; empty until its person's choice is known."""
        return str(CHANNELS.get(row.channel, row.channel))

    @admin.display(description=_("failure"), empty_value="-")
    def why(self, row: OutgoingMessage) -> str:
        """Return why the last try failed: a reason in words, or the name of the error."""
        return reason_text(row.failure)

    @admin.display(description=_("about"))
    def about(self, row: OutgoingMessage) -> str:
        """Return what it is about, without a name: `visit 12`."""
        kind = kinds().get(row.kind)
        return str(ABOUT[kind.about if kind else ""] % {"number": row.object_id})

    @admin.display(description=_("state"))
    def state(self, row: Any) -> str:
        """Return what became of it."""
        if row.sent_at:
            return str(_("sent"))
        if row.settled_at:
            return str(_("told by telephone"))
        if row.given_up_at:
            return str(_("given up"))
        return str(_("will not be sent") if row.overtaken else _("to be sent"))

    # --- Actions ---

    @admin.action(permissions=["send"], description=_("Try selected messages again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Try again what was given up, from the beginning."""
        count = self._chosen(queryset).retry(signed_in_user(request))
        text = ngettext("%(n)d message is tried again.", "%(n)d messages are tried again.", count)
        self.message_user(request, text % {"n": count}, messages.SUCCESS)

    @admin.action(permissions=["send"], description=_("Send selected messages once more"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send a copy of each message about a visit that is still true."""
        count, refused = 0, []
        for row in queryset:
            try:
                row.send_again(signed_in_user(request))
                count += 1
            except DomainError as error:
                refused.append(f"{row}: {error.staff_message}")
        for sentence in refused[:MAX_REFUSALS_SHOWN]:
            self.message_user(request, sentence, messages.ERROR)
        text = ngettext("%(n)d message is sent again.", "%(n)d messages are sent again.", count)
        self.message_user(request, text % {"n": count}, messages.SUCCESS)

    @admin.action(permissions=["send"], description=_("Told by telephone"))
    def settle(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Note that staff told the persons by telephone what was given up."""
        count = sum(row.settle(signed_in_user(request)) for row in queryset)
        text = ngettext("%(n)d person was told.", "%(n)d persons were told.", count)
        self.message_user(request, text % {"n": count}, messages.SUCCESS)

    def _chosen(self, queryset: QuerySet[Any]) -> OutgoingMessageQuerySet:
        keys = list(queryset.values_list("pk", flat=True))
        return OutgoingMessage.objects.filter(pk__in=keys)
