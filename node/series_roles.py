"""Which role each series of a study plays and what its protocol lacks: from headers, without a pixel or a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from dicom_io.study.protocol import check_protocol
from dicom_io.study.roles import T1_ROLES, RoleAssignment, RoleRule, SeriesRole
from mome_core.case import Role
from mome_core.protocol import ProtocolItem
from node.summary import SeriesSummary

_INPUT_ROLES = T1_ROLES | {Role.T2, Role.T2_IR, Role.DWI}


@dataclass(frozen=True, slots=True)
class StudyRoles:
    """The role of every series, as the scanner counts them, and the protocol as far as it is there."""

    series: tuple[SeriesSummary, ...]
    protocol: tuple[ProtocolItem, ...]


def read_roles(paths: Sequence[Path], rules: Sequence[RoleRule]) -> StudyRoles:
    """The roles of the files of one study; `rules` are the site's own."""
    assignment = assign_roles(read_series_headers(paths), rules)
    return StudyRoles(series_summaries(assignment), check_protocol(assignment))


def series_summaries(assignment: RoleAssignment) -> tuple[SeriesSummary, ...]:
    """The role of every series, as the scanner counts them, with the reason."""
    return tuple(
        SeriesSummary(each.series.series_uid, each.role, each.confidence, why_of(each)) for each in numbered(assignment)
    )


def numbered(assignment: RoleAssignment) -> list[SeriesRole]:
    """The series in the order of their numbers."""
    return sorted(assignment.roles, key=lambda each: (each.series.number or 0, each.series.series_uid))


def why_of(item: SeriesRole) -> str:
    """Why a series has its role and, of one that could be an input, why it forms no volume."""
    return f"{item.why}; not used: {item.refused}" if item.refused and item.role in _INPUT_ROLES else item.why
