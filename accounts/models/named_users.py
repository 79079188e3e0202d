"""Accounts by the names of their owners."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from extensions.db.names import FoldedQuerySet, beginning
from extensions.search import Term


class UserQuerySet(FoldedQuerySet[Any]):
    """Users by name."""

    search_columns = frozenset({"last_name", "first_name"})

    most_found = 200  # accounts whose rows, such as events, a search by a name reads

    def search_keys(self, term: Term, terms: Sequence[Term]) -> set[int]:
        """Return the keys of the first users whom the words of all terms name, or else this one."""
        if not term.word:
            return set()
        words = [each.word for each in terms if each.word]
        return self._named(words) or (self._named([term.word]) if len(words) > 1 else set())

    def _named(self, words: Sequence[str]) -> set[int]:
        """Return the keys of the first users of whose names every word is a beginning.

        Of the first or the last name; of those who work here, of any word of it.
        """
        here = Q(is_staff=True) | Q(doctor__isnull=False)
        anyone, staff = self.order_by(), self.order_by().filter(here)
        for word in words:
            begun = beginning("last_name_key", word) | beginning("first_name_key", word)
            anyone, staff = anyone.filter(begun), staff.filter(search_words__contains=f" {word}")
        found = [rows.values_list("pk", flat=True)[: self.most_found] for rows in (anyone, staff)]
        return {*found[0], *found[1]}
