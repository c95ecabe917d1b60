"""Roles and protocol of a study for its page: from its analysis, or from the headers of one that has none yet."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dicom_io.study.roles import RoleRule
from node.dashboard.site import Site
from node.series_roles import StudyRoles, read_roles
from node.states import StudyState
from node.storage.records import StudyDetail

_ARRIVING_SECONDS = 5.0  # while images come, the headers would be read again for each of them


def roles_now(site: Site, detail: StudyDetail, now: float) -> StudyRoles:
    """What is known of the series; nothing while they are arriving."""
    study, summary = detail.study, detail.summary
    if summary is not None and summary.protocol and study.state is not StudyState.RECEIVING:
        return StudyRoles(summary.series, summary.protocol)
    if study.state is StudyState.RECEIVING and now - study.last_received_at < _ARRIVING_SECONDS:
        return StudyRoles((), ())
    here = site.ledger.reading.instances(study.study_instance_uid, site.archive.uuid)
    paths = tuple(site.archive.root / path for _, _, path in here)
    return _read(paths, site.settings.series.role_rules())


@lru_cache(maxsize=32)
def _read(paths: tuple[Path, ...], rules: tuple[RoleRule, ...]) -> StudyRoles:
    """Half a millisecond for each image, and the page is asked for every other second."""
    return read_roles(paths, rules)
