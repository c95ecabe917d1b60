"""Roles of series: a site's own rule, the role of one series with its reason, the roles of all."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dicom_io.headers.records import Omission, SeriesHeader
from dicom_io.study.geometry import Stack
from dicom_io.study.names import NameReading, read_name
from mome_core.case import Role

COMPUTED_ROLES = frozenset({Role.ADC, Role.SUBTRACTION, Role.MIP, Role.MPR, Role.DERIVED_MAP, Role.SEG})
DCE_ROLES = frozenset({Role.DCE_MULTI, Role.DCE_PRE, Role.DCE_POST, Role.DCE_PHASE})
T1_ROLES = DCE_ROLES | {Role.T1_FS_SINGLE, Role.T1_NONFS}
_BEFORE_MASK = re.compile(r"(.*[^a-z])mask", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A site's own word on its series: descriptions that fit the pattern have this role, whatever the tags say.

    Parameters
    ----------
    pattern
        Shell pattern (`*`, `?`, `[...]`), case ignored, tried on Series Description and Protocol Name.
    """

    pattern: str
    role: Role

    def fits(self, series: SeriesHeader) -> bool:
        """Whether this rule is about the series."""
        return any(self.fits_name(name) for name in (series.description, series.protocol) if name)

    def fits_name(self, name: str) -> bool:
        """Whether this rule is about a series of this name."""
        return fnmatch.fnmatchcase(name.lower(), self.pattern.lower())


def rule_for(name: str, rules: Iterable[RoleRule]) -> RoleRule | None:
    """The first rule of a site that is about a series of this name."""
    return next((rule for rule in rules if rule.fits_name(name)), None)


def read_rules(rules: Mapping[str, str]) -> tuple[RoleRule, ...]:
    """The rules of a site from its settings, pattern -> role; ValueError names a role that does not exist."""
    unknown = set(rules.values()) - set(Role)
    if unknown:
        raise ValueError(f"series.rules: no role {', '.join(sorted(unknown))}; roles: {', '.join(Role)}")
    return tuple(RoleRule(pattern, Role(role)) for pattern, role in rules.items())


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRole:
    """The role of one series, with the reason.

    Parameters
    ----------
    stacks
        Its images on their grids; empty when they form no volume, and then `refused` says why.
    certain
        Whether tags alone decided; the study as a whole may still overrule what is not certain.
    by_rule
        Whether a rule of the site decided.
    suspect
        Whether its name says that it was computed while its tags are those of an acquisition.
    """

    series: SeriesHeader
    role: Role
    confidence: float
    why: str
    name: NameReading
    stacks: tuple[Stack, ...] = ()
    refused: str = ""
    certain: bool = True
    by_rule: bool = False
    suspect: bool = False

    @property
    def is_original(self) -> bool:
        """Whether the scanner calls the images original."""
        return "DERIVED" not in self.series.words


def names_subtraction_mask(description: str) -> bool:
    """Whether a name is that of a T1 acquisition followed by "mask", as GE calls the phase before contrast.

    "AX Sen Vibrant MASK" is one; a segmentation bears no name of an acquisition ("breast mask").
    """
    found = _BEFORE_MASK.fullmatch(description.strip())
    return found is not None and read_name(found[1]).role in T1_ROLES


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """The role of every series of one or more studies, and the files that were left out before."""

    roles: tuple[SeriesRole, ...]
    excluded: tuple[Omission, ...] = ()

    def of(self, *roles: Role) -> tuple[SeriesRole, ...]:
        """The series of some roles, in the fixed order of the headers."""
        return tuple(item for item in self.roles if item.role in roles)

    @property
    def dce(self) -> tuple[SeriesRole, ...]:
        """The series that hold phases of the dynamic."""
        return self.of(*DCE_ROLES)
