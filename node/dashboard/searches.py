"""What people look for, under names that mean nothing: a patient's name or number never stands in an address."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

_KEPT_SECONDS = 3600.0
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Search:
    person: str
    text: str
    until: float


@dataclass(slots=True)
class RecentSearches:
    """The searches of the last hour, in memory only, each for the person who made it."""

    searches: OrderedDict[str, _Search] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, person: str, text: str) -> str:
        """Keep what a person looks for; gives the name of the search."""
        name, now = secrets.token_urlsafe(12), time.monotonic()
        with self.lock:
            self.searches[name] = _Search(person, text, now + _KEPT_SECONDS)
            while len(self.searches) > _MOST_KEPT or next(iter(self.searches.values())).until < now:
                self.searches.popitem(last=False)
        return name

    def text(self, person: str, name: str) -> str:
        """What the person looked for; LookupError for a search that is over, or another person's."""
        with self.lock:
            found = self.searches.get(name)
        if found is None or found.person != person or found.until < time.monotonic():
            raise LookupError("this search has expired; search again")
        return found.text
