"""A browser at the admin: it opens pages, fills in forms and sends them."""

from html.parser import HTMLParser
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User


def page(model: type[Model] | Model, view: str = "changelist") -> str:
    """Return the path of the admin's page `view` of a model or, given a row, of that row."""
    keys = [model.pk] if isinstance(model, Model) else []
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=keys)


class FormReader(HTMLParser):
    """A parser that collects in `sent` what a browser would post of the page's unchanged form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.inside, self.name, self.text = False, "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "form":
            of_head = given.get("id") == "logout-form" or given.get("class") == "languages"
            self.inside = given.get("method") == "post" and not of_head
        elif self.inside and tag in {"select", "textarea"} and given.get("name"):
            self.name, self.text = given["name"], ""
            self.sent.setdefault(self.name, [])
        elif self.inside and tag == "option" and "selected" in given and self.name:
            self.sent[self.name].append(given.get("value", ""))
        elif self.inside and tag == "input" and given.get("name"):
            self._input(given)

    def _input(self, given: dict[str, str]) -> None:
        box = given.get("type") in {"checkbox", "radio"}
        if given.get("type") in {"submit", "button"} or (box and "checked" not in given):
            return
        value = given.get("value", "on" if box else "")
        self.sent.setdefault(given["name"], []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.name:
            self.sent[self.name].append(self.text.removeprefix("\n"))
        if tag in {"textarea", "select"}:
            self.name = ""
        if tag == "form":
            self.inside = False


class AdminClient:
    """A client that uses the admin as a browser does, signed in as a user."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def get(self, path: str, **query: Any) -> Any:
        """Return the response of a page."""
        return self.client.get(path, query)

    def status(self, path: str, **query: Any) -> int:
        """Return the HTTP status of a page."""
        return int(self.get(path, **query).status_code)

    def open(self, path: str) -> dict[str, Any]:
        """Open a page, and return the values of its form as a browser would send them."""
        response = self.get(path)
        assert response.status_code == 200, response.status_code
        return FormReader(response.content.decode()).sent

    def send(self, path: str, form: dict[str, Any] | None = None, **typed: Any) -> Any:
        """Post the form with the values of `typed`. An empty list unchecks a box."""
        return self.client.post(path, {**(form or {}), **typed}, follow=True)

    def change(self, row: Model, **typed: Any) -> Any:
        """Open the page of a row, change these values, and save."""
        path = page(row, "change")
        return self.send(path, self.open(path), **typed)

    def act(self, action: str, *rows: Model, **more: Any) -> Any:
        """Apply an action of the admin to these rows, on their list page."""
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0}
        return self.client.post(page(type(rows[0])), {**chosen, **more}, follow=True)

    def delete_all(self, *rows: Model) -> Any:
        """Delete these rows by the action on their list page, and confirm."""
        chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
        return self.client.post(page(type(rows[0])), {**chosen, "post": "yes"}, follow=True)

    def delete(self, row: Model) -> Any:
        """Delete a row on its page, and confirm."""
        return self.client.post(page(row, "delete"), {"post": "yes"}, follow=True)

    def suggestions(self, model: type[Model], field: str, term: str = "", **more: Any) -> Any:
        """Return the results of a field's autocomplete, or the status if the admin refuses."""
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
        found = self.get("/admin/autocomplete/", **asked, field_name=field, term=term, **more)
        return found.json()["results"] if found.status_code == 200 else found.status_code


def confirm(admin_client: AdminClient, path: str, asked: Any) -> Any:
    """Submit the page `asked`, which says what a form would do, and so save the form."""
    return admin_client.send(path, FormReader(asked.content.decode()).sent)


def take_back(admin_client: AdminClient, path: str, asked: Any) -> Any:
    """Press "No, take me back" on the page `asked`; return the form, which is shown as typed."""
    html = asked.content.decode()
    assert '<input type="submit" name="_back" value="No, take me back">' in html
    return admin_client.send(path, FormReader(html).sent, _back="No, take me back")


def messages_of(response: Any) -> list[Any]:
    """Return the messages at the top of the page."""
    return [str(message) for message in response.context["messages"]]


def form_errors(response: Any) -> list[str]:
    """Return the errors that the form shows."""
    form = response.context["adminform"].form
    return [str(fault) for found in form.errors.values() for fault in found]
