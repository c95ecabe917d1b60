"""Whether all of a study has arrived, judged by its content and by that of the site's earlier studies.

A dynamic that has arrived in part looks like a complete one with fewer phases or slices, and no study says which series
it will have. So content alone completes a study only if it is, part for part, what several earlier studies of the same
scanner and protocol were in the end, and if hardly any of them went on to hold more. Without such studies silence
decides.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_FEWEST_SLICES = 4
_RARE = 20
"""One study in so many may have gone on to hold more: a repeated series must not end the learning of a protocol."""


@dataclass(frozen=True, slots=True, order=True)
class ContentPart:
    """The images of one kind in one series: how many, on how many slices, fewest and most on one slice.

    Phases and slices agree when the fewest are the most. A multi-frame image is no slice: it is whole or not there.
    """

    kind: str
    images: int
    slices: int
    fewest: int
    most: int

    @property
    def phases(self) -> int:
        """Complete passes over at least a few slices; 0 when slices disagree or images do not say where they lie."""
        agree = self.fewest == self.most and self.fewest * self.slices == self.images
        return self.fewest if agree and self.slices >= _FEWEST_SLICES else 0


@dataclass(frozen=True, slots=True)
class Content:
    """What a study holds, whatever its UIDs and however it came."""

    parts: tuple[ContentPart, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """From what `text` gave."""
        return cls(tuple(ContentPart(*each) for each in json.loads(text)))

    @property
    def text(self) -> str:
        """For the ledger."""
        return json.dumps([[p.kind, p.images, p.slices, p.fewest, p.most] for p in sorted(self.parts)])

    @property
    def digest(self) -> str:
        """Equal for studies that hold the same."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(part.images for part in self.parts)

    @property
    def kinds(self) -> Counter[str]:
        """How many images there are of each kind."""
        total = Counter[str]()
        for part in self.parts:
            total[part.kind] += part.images
        return total

    @property
    def has_dynamic(self) -> bool:
        """Whether some volume is there twice: without that, nothing tells a protocol from a handful of images."""
        volumes = Counter[int]()
        for part in self.parts:
            volumes[part.slices] += part.phases
        return max(volumes.values(), default=0) >= 2

    def is_within(self, other: Content) -> bool:
        """Whether the other holds all of this, and more."""
        more, here = other.kinds, self.kinds
        return here != more and here <= more


@dataclass(frozen=True, slots=True)
class Known:
    """A content that so many studies of this site had when they were complete."""

    content: Content
    studies: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the content of a study says.

    Parameters
    ----------
    alike
        Earlier studies that held exactly this; 0: it does not complete the study.
    missing
        Images that studies of this protocol had more; 0: not known.
    """

    alike: int = 0
    missing: int = 0


def judge(here: Content, known: Sequence[Known], learned_from: int) -> Judgement:
    """Compare a study with the site's earlier ones; `learned_from` alike ones are enough, 0: never enough."""
    learned = [each for each in known if 0 < learned_from <= each.studies]
    alike = sum(each.studies for each in learned if each.content == here)
    larger = [each for each in known if here.is_within(each.content)]
    if alike and here.has_dynamic and sum(each.studies for each in larger) * _RARE <= alike:
        return Judgement(alike=alike)
    expected = max((each for each in learned if each in larger), key=lambda each: each.studies, default=None)
    if expected is None or alike:
        return Judgement()
    return Judgement(missing=expected.content.images - here.images)
