"""Accounts by the names of their owners."""

from collections.abc import Sequence
from typing import Any

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
        rows = anyone = self.order_by()
        for word in words:
            begun = beginning("last_name_key", word) | beginning("first_name_key", word)
            anyone = anyone.filter(begun)
        found = set(anyone.values_list("pk", flat=True)[: self.most_found])
        # They are few: PostgreSQL would compare all accounts to find the first of them.
        for here in (rows.filter(is_staff=True), rows.filter(doctor__isnull=False)):
            names = here.values_list("pk", "search_words")
            found |= {pk for pk, text in names if all(f" {word}" in text for word in words)}
        return found
