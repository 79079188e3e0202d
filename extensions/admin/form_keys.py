"""A key in each form that adds a row, so that a second POST of the form makes no second row.

A double click posts a form twice, and so does a user who goes back in the browser and saves again.
"""

import hashlib
import json
import re
import secrets
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from extensions.rest.idempotency import Answer

FIELD = "_form_key"  # the template admin/change_form.html has it as a hidden input
CONFIRMED = "_confirmed"  # what the user has confirmed (extensions/admin/confirmation.py)
NOT_TYPED = (CONFIRMED, "csrfmiddlewaretoken")
SHAPE = re.compile("[A-Za-z0-9_-]{22}")
SENT_TWICE: Any = _("It was saved once, although the form was sent twice.")
SAVED_BEFORE: Any = _(
    "The form was saved before. What you typed since then was not saved: open what was saved, and "
    "change it there."
)


class FormKeyMixin(admin.ModelAdmin):
    """A ModelAdmin that saves each rendered form at most once, if the form adds a row.

    The setting ADMIN_FORM_STORE names the function that calls `save` at most once for each user
    and key, and keeps what it returns; after None, nothing was saved and the key stays unused. A
    form without a key, of a script, is saved each time.
    `adding_fields`: fields of a form that changes a row; one that is filled in adds another row.
    """

    adding_fields: tuple[str, ...] = ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form; for a form that was saved before, go where its first POST led."""
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        key = _sent_key(request)
        if key is None or not self._adds_rows(request.POST, object_id):
            return view()
        attempt = _Attempt(request, view)
        store = import_string(settings.ADMIN_FORM_STORE)
        digest = hashlib.sha256(f"{request.path} {key}".encode()).hexdigest()
        answer = store(request.user, f"form:{digest}", attempt.save)
        if answer is not None and answer.is_replay:
            respond = self.response_change if object_id else self.response_add
            return self._saved_before(attempt, answer, respond)
        return attempt.response

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        request.saved_row = obj  # type: ignore[attr-defined]
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        request.saved_row = obj  # type: ignore[attr-defined]
        return super().log_change(request, obj, message)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add a new key to a form that can add a row, or the key with which it came back."""
        if kwargs.get("add") or self.adding_fields or context["inline_admin_formsets"]:
            context["form_key"] = _sent_key(request) or secrets.token_urlsafe(16)
        return super().render_change_form(request, context, *args, **kwargs)

    def _adds_rows(self, typed: QueryDict, object_id: str | None) -> bool:
        """Return whether a form adds a row: its own, one of an inline, or by an adding field."""
        inlines = any(
            typed[name] != typed.get(name.replace("-TOTAL_", "-INITIAL_"))
            for name in typed
            if name.endswith("-TOTAL_FORMS")
        )
        return object_id is None or inlines or any(map(typed.get, self.adding_fields))

    def _saved_before(self, attempt: "_Attempt", answer: Answer, respond: Any) -> HttpResponse:
        """Go where the first POST led, with a message; a popup closes as it did (`respond`).

        If the row was deleted since, the popup closes as after a deletion: nothing is chosen.
        """
        request, first = attempt.request, json.loads(answer.body)
        if IS_POPUP_VAR in request.POST:
            row = self.get_object(request, str(first["row"]))
            if row is None:
                return self.response_delete(request, "", first["row"])
            return cast(HttpResponse, respond(request, row))
        if first["typed"] == attempt.typed:
            self.message_user(request, SENT_TWICE, messages.SUCCESS)
        else:
            self.message_user(request, SAVED_BEFORE, messages.WARNING)
        return HttpResponseRedirect(answer.location or request.get_full_path())


class _Attempt:
    """One call of the view, whose response is not kept but where it led."""

    response: HttpResponse

    def __init__(self, request: HttpRequest, view: Any) -> None:
        self.request, self.view = request, view
        # Before the view, since Django's admin of users adds to what was typed.
        self.typed = _fingerprint(request.POST)

    def save(self) -> Answer | None:
        """Call the view; return None if it saved nothing."""
        self.request.saved_row = None  # type: ignore[attr-defined]
        self.response = self.view()
        row = self.request.saved_row  # type: ignore[attr-defined]
        if row is None:
            return None
        body = json.dumps({"row": str(row.pk), "typed": self.typed})
        return Answer(self.response.status_code, body, getattr(self.response, "url", ""))


def _sent_key(request: HttpRequest) -> str | None:
    """Return the key that a POST has, or None; a made-up value counts as none."""
    sent = request.POST.get(FIELD, "")
    return sent if SHAPE.fullmatch(sent) else None


def _fingerprint(typed: QueryDict) -> str:
    """Return the SHA-256 of what was typed, of the button that was pressed, and of the form's key.

    What a page of confirmation adds does not count: a user who goes back to the form and saves it
    again has typed nothing since. The form's key, which no row stores, keeps a stored fingerprint
    from revealing what was typed, such as a password.
    """
    fields = sorted(item for item in typed.lists() if item[0] not in NOT_TYPED)
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
