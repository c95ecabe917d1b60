"""Which series of a listed study are DCE, T2 and DWI, from their names, numbers and image counts alone.

For lists without headers: the index of an archive, a query of a PACS. Where headers are at hand, `classify` reads them.
A whole study decides before a name: series of one name and one image count are phases, three times as many images are
three phases, and a map that was computed from a series says that this is the dynamic.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_io.study.names import Moment, NameReading, read_name, without_trial
from dicom_io.study.roles import DCE_ROLES, T1_ROLES, RoleRule, rule_for
from mome_core.case import Role

_FEWEST_IMAGES = 6  # fewer are a projection or a localizer
_MOST_PHASES = 60
_KINETIC_MAP = re.compile(r"(?<![a-z])(?:ser|pe\d*|volser)(?![a-z0-9])", re.IGNORECASE)
_COPY = re.compile(r"(?<![a-z])(?:volser|cad|original|registered|reg)(?![a-z])", re.IGNORECASE)
_MASK = re.compile(r"(?<![a-z])mask$", re.IGNORECASE)  # GE names the phase so from which it subtracts
_PHASE_WORDS = re.compile(  # what tells phases of one dynamic apart; the rest of their names is the same
    r"^ph(?:ase)?\d+[/ ]*|(?<![a-z])(?:pre|post|delay(?:ed)?|pass|contrast|con|gd|gad)(?![a-z])"
    r"|(?<![a-z])(?:ph(?:ase)?|multi ?phase|mask)(?![a-z])"
    r"|(?<![a-z0-9])\d{1,2} ?(?:st|nd|rd|th|min(?:s|utes?)?)?(?![a-z0-9.])"
)
_PLANES = {"axial": r"ax|axials?|tra|transv[a-z]*", "sagittal": r"sag|sagittal", "coronal": r"cor|coronals?"}


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """One series of a list; `images` is the number of its instances."""

    number: int
    description: str
    images: int


@dataclass(frozen=True, slots=True)
class ListedParts:
    """Series by their numbers.

    Parameters
    ----------
    dce
        In the order of phases, the one before contrast first; empty where nothing is the dynamic.
    phases
        How many phases they hold; None where the counts do not prove it.
    t2, dwi
        None where there is none.
    roles
        Of every series by its name alone, in the order of the list.
    """

    dce: tuple[int, ...]
    phases: int | None
    t2: int | None
    dwi: int | None
    roles: tuple[Role, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values under the keys of study lists: dce, dce_phases, t2, dwi, roles."""
        return {
            "dce": list(self.dce),
            "dce_phases": self.phases,
            "t2": self.t2,
            "dwi": self.dwi,
            "roles": [str(each) for each in self.roles],
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """A series with what its name says."""

    series: ListedSeries
    role: Role
    name: NameReading

    @property
    def number(self) -> int:
        return self.series.number

    @property
    def images(self) -> int:
        return self.series.images


@dataclass(frozen=True, slots=True)
class _Dynamic:
    """Series that may be the phases of one dynamic, in their order.

    Parameters
    ----------
    phases
        None where the counts do not prove how many.
    is_mapped
        Whether a kinetic map was computed from one of them.
    """

    members: tuple[_Read, ...]
    phases: int | None
    is_mapped: bool

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Likelier dynamics are larger."""
        named = any(each.role in DCE_ROLES for each in self.members)
        return self.is_mapped, named, (self.phases or 2) > 1, sum(each.images for each in self.members)


def parts_of(series: Sequence[ListedSeries], rules: Iterable[RoleRule] = ()) -> ListedParts:
    """DCE, T2 and DWI of one study; a site's own rules decide before names do."""
    known = tuple(rules)
    read = [_read(each, known) for each in series]
    images = [each for each in read if each.images >= _FEWEST_IMAGES and not _is_copy(each, read)]
    dynamic = _dynamic_of(images, read)
    members = dynamic.members if dynamic else ()
    rest = [each for each in images if each not in members]
    plane = _plane(members[0].series.description) if members else ""
    t2 = _best_t2(rest, plane)
    dwi = min((each for each in rest if each.role is Role.DWI), key=lambda each: each.number, default=None)
    return ListedParts(
        dce=tuple(each.number for each in members),
        phases=dynamic.phases if dynamic else None,
        t2=t2.number if t2 else None,
        dwi=dwi.number if dwi else None,
        roles=tuple(each.role for each in read),
    )


def _read(series: ListedSeries, rules: Iterable[RoleRule]) -> _Read:
    reading = read_name(series.description)
    rule = rule_for(series.description, rules)
    return _Read(series, rule.role if rule else reading.role, reading)


def _is_copy(one: _Read, all_: Iterable[_Read]) -> bool:
    """Whether a workstation made it of another series: it says so, or its number is that one's and four digits more."""
    bases = {base for each in all_ for base in (each.number, each.number // 100) if base}
    is_numbered_so = one.number // 10_000 in bases and one.number % 10_000 >= 100
    return is_numbered_so or bool(_COPY.search(one.series.description))


def _mapped(read: Iterable[_Read]) -> set[int]:
    """Numbers of acquisitions from which a kinetic map was computed (31000: of series 3; of 301 on a Philips)."""
    return {
        each.number // 10_000
        for each in read
        if each.number >= 10_000 and _KINETIC_MAP.search(each.series.description.replace("_", " "))
    }


def _phases_told(one: _Read, read: Sequence[_Read]) -> int | None:
    """Phases of a series that holds them all, from what was computed of it or what else lies in the breasts.

    A map has as many images as one phase; where it was cropped, a copy of the dynamic was cropped alike. A T2 or STIR
    has them often. None where no count fits.
    """
    maps = {
        each.images
        for each in read
        if each.images and each.role is Role.DERIVED_MAP and _KINETIC_MAP.search(each.series.description)
    }
    copies = [each for each in read if each.role in DCE_ROLES and _COPY.search(each.series.description)]
    volumes = {each.images for each in read if each.images and each.role in (Role.T2, Role.T2_IR)}
    ratios = [(copy.images, unit, _MOST_PHASES) for copy in copies for unit in maps]
    ratios += [(one.images, unit, _MOST_PHASES) for unit in maps] + [(one.images, unit, 10) for unit in volumes]
    return next(
        (whole // unit for whole, unit, most in ratios if not whole % unit and 3 <= whole // unit <= most), None
    )


def _dynamic_of(images: Sequence[_Read], read: Sequence[_Read]) -> _Dynamic | None:
    """The likeliest dynamic among the images; None where nothing looks like one."""
    mapped = _mapped(read)
    groups: dict[str, list[_Read]] = defaultdict(list)
    for each in images:
        if each.role in T1_ROLES | {Role.OTHER} or _is_mask(each) or _is_mapped(each, mapped):
            groups[_stem(each.series.description)].append(each)
    found = [
        dynamic
        for group in groups.values()
        for members in _matching(group)
        if (dynamic := _dynamic(members, mapped, read)) is not None
    ]
    return max(found, key=lambda each: each.rank, default=None)


def _matching(group: Sequence[_Read]) -> list[list[_Read]]:
    """Parts of a group whose counts fit: all of one count, or one phase and a series of several times as many."""
    unit = Counter(each.images for each in group).most_common(1)[0][0]
    least = min(each.images for each in group)
    base = least if all(each.images % least == 0 for each in group) else unit
    fitting = [each for each in group if each.images % base == 0]
    return [fitting, *([each] for each in group if each not in fitting)]


def _dynamic(members: Sequence[_Read], mapped: set[int], read: Sequence[_Read]) -> _Dynamic | None:
    """These as one dynamic; None for a single series of which nothing says that it holds several phases."""
    ordered = _in_order(members)
    if all(map(_is_mask, ordered)):
        return None
    is_mapped = any(_is_mapped(each, mapped) for each in members)
    if len(ordered) > 1:
        unit = min(each.images for each in ordered)
        return _Dynamic(ordered, sum(each.images // unit for each in ordered), is_mapped)
    (one,) = ordered
    phases = _phases_told(one, read)
    if phases is None and not is_mapped and one.role is not Role.DCE_MULTI:
        return None
    return _Dynamic(ordered, phases, is_mapped)


def _is_mask(one: _Read) -> bool:
    """Whether it is named as the phase before contrast that others are subtracted from, at a dynamic's place."""
    return one.role is Role.SEG and bool(_MASK.search(one.series.description))


def _is_mapped(one: _Read, mapped: set[int]) -> bool:
    return one.number in mapped or (one.number > 100 and one.number // 100 in mapped)


def _in_order(members: Iterable[_Read]) -> tuple[_Read, ...]:
    """Before contrast first, then as they are numbered: scanners and stations number what comes later higher."""
    return tuple(
        sorted(members, key=lambda each: (not (each.name.moment is Moment.PRE or _is_mask(each)), each.number))
    )


def _stem(description: str) -> str:
    """What phases of one dynamic have in common of their names."""
    text = re.sub(r"[_\-()]+", " ", without_trial(description.lower()))
    return " ".join(_PHASE_WORDS.sub(" ", text).split())


def _plane(description: str) -> str:
    """The plane that a name says; empty where it says none."""
    text = description.lower().replace("_", " ")
    said = [plane for plane, words in _PLANES.items() if re.search(rf"(?<![a-z])(?:{words})(?![a-z])", text)]
    return said[0] if len(said) == 1 else ""


def _best_t2(images: Iterable[_Read], plane: str) -> _Read | None:
    """In the plane of the dynamic before another, a T2 before a STIR, the water of a Dixon first, then the first."""

    def order(each: _Read) -> tuple[bool, bool, bool, int]:
        name = each.series.description.lower()
        said = _plane(name)
        return bool(plane and said and said != plane), each.role is not Role.T2, "water" not in name, each.number

    return min((each for each in images if each.role in (Role.T2, Role.T2_IR)), key=order, default=None)
