"""A page that says what a form would do before it is saved, and leads back to the form as typed."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from extensions.admin.actions import DomainActionAdmin
from extensions.admin.form_keys import CONFIRMED, NOT_TYPED

BACK = "_back"  # the button that leads back to the form
NOT_RESENT = (*NOT_TYPED, BACK)  # the page adds its own; CONFIRMED is `Question.asked`
YES = _("Yes, save it")
NOT_SAVED: Any = _("Nothing has been saved yet.")


@dataclass(frozen=True)
class Question:
    """What staff confirm before a form is saved.

    `asked`: what the form would do, as a text: a confirmation of anything else does not count.
    `facts`: the sentences of the page. `button`: the label of the button that saves. `context`:
    what else the template shows.
    """

    title: str
    asked: str
    facts: list[str]
    button: Any = YES
    context: dict[str, Any] = field(default_factory=dict)


class ConfirmingAdmin(DomainActionAdmin):
    """An admin that asks before it saves some forms.

    The page holds what was typed in hidden fields. One of its buttons saves it, the other one shows
    the form again, as typed.
    """

    confirmation_template = "admin/confirm_change.html"

    def question(self, request: HttpRequest, form: Any, change: bool) -> Question | None:
        """Return what to ask before this valid form is saved; None saves it at once.

        Raises what saving would raise: the form is then shown with the error, and nothing is asked.
        """
        raise NotImplementedError

    def _changeform_view(
        self, request: HttpRequest, object_id: Any, form_url: str, extra_context: Any
    ) -> HttpResponse:
        """Show the form, ask, or save; BACK shows the form as it was typed."""
        if request.method == "POST" and BACK in request.POST:
            request.taken_back = True  # type: ignore[attr-defined]
            self.message_user(request, NOT_SAVED, messages.WARNING)
        elif request.method == "POST" and not hasattr(request, "refusal"):
            question = self._question(request, object_id)
            if question is not None and request.POST.get(CONFIRMED) != question.asked:
                return self._confirmation_page(request, question)
        return super()._changeform_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not hasattr(request, "taken_back"):
            return form
        return type(form.__name__, (TakenBackFormMixin, form), {})

    def _question(self, request: HttpRequest, object_id: Any) -> Question | None:
        """Return what to ask; None where the form is invalid, or the user may not save it."""
        row = self.get_object(request, object_id) if object_id else None
        allowed = (
            self.has_change_permission(request, row) if row else self.has_add_permission(request)
        )
        if not allowed or (object_id and row is None):
            return None
        form = self.get_form(request, row, change=bool(row))(request.POST, instance=row)
        return self.question(request, form, bool(row)) if form.is_valid() else None

    def _confirmation_page(self, request: HttpRequest, question: Question) -> HttpResponse:
        """Return the page, whose hidden fields send the typed form again."""
        hidden_fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in NOT_RESENT
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": question.title,
            "question": question,
            "hidden_fields": hidden_fields,
            "is_popup": IS_POPUP_VAR in request.POST,
            **question.context,
        }
        return TemplateResponse(request, self.confirmation_template, context)


class TakenBackFormMixin:
    """A form that is shown again as typed, and not saved although nothing is wrong with it."""

    def is_valid(self) -> bool:
        """Return False: the form is not to be saved."""
        return False
