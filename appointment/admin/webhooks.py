"""The admin pages of webhooks and of their messages."""

from datetime import UTC, datetime, time
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_noop, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.privacy import AllSitesAdminMixin
from accounts.requests import signed_in_user
from appointment.exceptions import WebhookInactive
from appointment.models import DeliveryState, EventType, Webhook, WebhookDelivery
from appointment.models.webhook import joined
from appointment.models.webhook_delivery import WebhookDeliveryQuerySet
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines
from extensions.admin.dates import DateWidget, TypedDateField
from extensions.admin.forms import PartialUpdateForm
from extensions.exceptions import DomainError
from extensions.formats import instant_text


class WebhookForm(PartialUpdateForm):
    """The address and the events of a webhook; the secret is in no form."""

    events = forms.MultipleChoiceField(
        label=capfirst(_("events")), widget=forms.CheckboxSelectMultiple, choices=[]
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "events" in self.fields:
            choices = [(each, EventType(each).label) for each in EventType.subscribable()]
            self.fields["events"].choices = choices  # type: ignore[attr-defined]
            self.initial["events"] = self.instance.event_types

    def clean_events(self) -> str:
        """Return the events as the column has them."""
        return joined(self.cleaned_data["events"])


class WebhookActionForm(ActionForm):
    """The choice of an action on webhooks, and since when their messages are sent again."""

    since = TypedDateField(required=False, widget=DateWidget, label=_("Send again since (UTC):"))


@admin.register(Webhook)
class WebhookAdmin(AllSitesAdminMixin, DomainActionAdmin):
    """Webhooks, which are added, changed and deleted by the verbs of the API."""

    form = WebhookForm
    action_form = WebhookActionForm
    fields: ClassVar[Any] = ("url", "events", "is_active", "state", "created_by", "created_at")
    readonly_fields = ("state", "created_by", "created_at")
    list_display = ("name", "events_shown", "state")
    list_select_related = ("created_by",)
    search_fields = ("url",)
    ordering = ("pk",)
    sortable_by = ()
    actions: Any = ("activate", "rotate_secret", "send_test", "replay_since", "delete_selected")
    deleted_by_verb = True
    deletion_note = _("Messages that wait are not sent any more.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return super().get_queryset(request).select_related("created_by")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is chosen for a new webhook, or all of one that is there."""
        return self.fields if obj else ("url", "events")

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: Webhook) -> None:
        made = Webhook.objects.register(signed_in_user(request), obj.url, obj.event_types)
        vars(obj).update(vars(made))

    def revise_row(self, request: HttpRequest, obj: Webhook, changes: dict[str, Any]) -> None:
        if "events" in changes:
            changes["events"] = changes["events"].split()
        Webhook.objects.get(pk=obj.pk).change(signed_in_user(request), **changes)

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        obj.remove(signed_in_user(request))

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **more: Any) -> HttpResponse:
        """Show the secret of the new webhook, this once."""
        return self._show_secret(request, obj, obj.secret)

    @admin.action(permissions=["change"], description=_("Activate selected webhooks"))
    def activate(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Activate the webhooks that are disabled; what waits for them is sent."""
        inactive = list(queryset.filter(is_active=False))
        for webhook in inactive:
            webhook.change(signed_in_user(request), is_active=True)
            self.log_change(request, webhook, gettext_noop("Activated."))
        text = ngettext("%(n)d activated.", "%(n)d activated.", len(inactive))
        self.message_user(request, text % {"n": len(inactive)}, messages.SUCCESS)

    @admin.action(permissions=["change"], description=_("Make a new secret for one webhook"))
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> Any:
        """Make a new secret and show it, this once."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, gettext("Choose one webhook."), messages.ERROR)
            return None
        secret = chosen[0].rotate_secret(signed_in_user(request))
        self.log_change(request, chosen[0], gettext_noop("Made a new secret."))
        return self._show_secret(request, chosen[0], secret)

    @admin.action(permissions=["change"], description=_("Send a test to selected webhooks"))
    def send_test(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Queue a test for each."""
        for webhook in queryset:
            try:
                webhook.send_test()
            except DomainError as error:
                self.message_user(request, f"{webhook}: {error.staff_message}", messages.ERROR)
            else:
                said = gettext("%(webhook)s: a test is sent within seconds.")
                self.message_user(request, said % {"webhook": webhook}, messages.SUCCESS)

    @admin.action(
        permissions=["change"], description=_("Send all messages again since the date beside")
    )
    def replay_since(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Send again what was sent or given up since the beginning of a day in UTC."""
        day: Any = self.typed_text(request, "since")
        if day is None:
            said = gettext("Type the date since when messages are sent again.")
            self.message_user(request, said, messages.ERROR)
            return
        since = datetime.combine(day, time(), UTC)
        of_webhooks = WebhookDelivery.objects.filter(webhook__in=queryset, occurred_at__gte=since)
        _replay(self, request, of_webhooks)
        for webhook in queryset:
            said = gettext_noop("Sent again since %(value)s.") % {"value": day}
            self.log_change(request, webhook, said)

    def _show_secret(self, request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Secret of the webhook"),
            "webhook": webhook,
            "secret": secret,
        }
        return TemplateResponse(request, "appointment/webhook_secret.html", context)

    # --- Columns ---

    @admin.display(description=_("webhook"))
    def name(self, webhook: Webhook) -> Any:
        """Return the number and the address."""
        return two_lines(webhook, webhook.url)

    @admin.display(description=_("events"))
    def events_shown(self, webhook: Webhook) -> str:
        """Return the events in words."""
        return ", ".join(str(EventType(each).label) for each in webhook.event_types)

    @admin.display(description=_("state"))
    def state(self, webhook: Webhook) -> Any:
        """Return whether messages are sent, and if not since when and why."""
        if not webhook.is_active:
            since = webhook.disabled_at and _at(webhook.disabled_at)
            return two_lines(webhook.get_disabled_reason_display(), since)
        if webhook.failing_since:
            since = gettext("since %(time)s") % {"time": _at(webhook.failing_since)}
            return two_lines(gettext("Attempts fail"), since)
        return gettext("Active")


class StateFilter(admin.SimpleListFilter):
    """Show the messages of one state."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return DeliveryState.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_state(self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(AllSitesAdminMixin, ReadOnlyAdmin):
    """The messages of webhooks, latest first, of 30 days."""

    fields = readonly_fields = (
        "webhook",
        "event_type",
        "header_id",
        "occurred_at",
        "visit",
        "offer",
        "state",
        "attempts",
        "tried_at",
        "due_at",
        "sent_at",
        "given_up_at",
        "failure",
    )
    list_display = ("occurred_at", "event_type", "visit", "webhook", "state", "last_attempt")
    list_select_related = ("webhook",)
    list_filter = (StateFilter, "event_type", "webhook", "occurred_at")
    date_hierarchy = "occurred_at"
    opens_with_this_month = True
    bounding_filters = ("occurred_at__gte",)
    unindexed_filters = ("state", "event_type__exact")
    unindexed_search = frozenset({"visit__exact"})
    search_fields = ("visit__exact",)
    search_help_text = _("Number of the visit.")
    ordering = ("-occurred_at", "-pk")
    sortable_by = ("occurred_at",)
    actions = ("replay",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        """Leave out the messages of webhooks that are deleted, which wait to be deleted too."""
        return super().get_queryset(request).filter(webhook__in=Webhook.objects.all())

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the user may send messages again."""
        user = signed_in_user(request)
        return user.has_perm("appointment.change_webhookdelivery") and user.sites is None

    @admin.action(permissions=["replay"], description=_("Send selected messages again"))
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Send the messages again, with the ids that they had."""
        rows = WebhookDelivery.objects.filter(pk__in=[row.pk for row in queryset])
        _replay(self, request, rows)

    @admin.display(description=_("state"))
    def state(self, message: WebhookDelivery) -> str:
        """Return what has become of the message."""
        return str(DeliveryState(message.state).label)

    @admin.display(description=_("last attempt"))
    def last_attempt(self, message: WebhookDelivery) -> Any:
        """Return how many attempts there were, and why the last one failed."""
        return two_lines(message.attempts, message.failure)

    @admin.display(description="webhook-id")
    def header_id(self, message: WebhookDelivery) -> str:
        """Return the id that the receiver gets."""
        return message.header_id


def _replay(page: Any, request: HttpRequest, rows: WebhookDeliveryQuerySet) -> None:
    """Send these messages again, and tell the user how many, and if a webhook is not active."""
    number = rows.replay()
    text = ngettext("%(n)d message is sent again.", "%(n)d messages are sent again.", number)
    page.message_user(request, text % {"n": number}, messages.SUCCESS)
    if rows.filter(webhook__is_active=False).exists():
        page.message_user(request, WebhookInactive.message, messages.ERROR)


def _at(instant: datetime) -> str:
    return instant_text(instant, UTC)
