"""The earlier results of a study's patient, from this node's own ledger, beside the present one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dicom_io.errors import NotAnInstance
from dicom_io.identification import read_identification
from dicom_io.study.case import Assembly
from mome_core.calibration import coalition_name
from mome_core.results import Result
from mome_core.visits import Visit, VisitScore, acquisition_digest, compared, measured_visit
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.summary import AnalysisSummary

log = logging.getLogger(__name__)


def visit_of(result: Result, assembly: Assembly) -> Visit:
    """What this study gave, without its date, which no ledger holds in clear."""
    coalition = coalition_name(result.modalities_used)
    scores = [
        VisitScore(
            each.endpoint,
            each.probability,
            f"{each.model.sha256[:16]} {each.model.version} {each.estimator.name}",
            coalition,
        )
        for each in result.scores
    ]
    case = assembly.case
    acquisition = (
        "" if case.dce is None else acquisition_digest(case.acquisition, case.dce.spacing_mm, case.dce.phase_count)
    )
    return measured_visit("", scores, result.measurements, acquisition)


def earlier_visits(ledger: Ledger, archive: Archive, study_instance_uid: str, image: Path) -> tuple[Visit, ...]:
    """What studies of the same patient gave that were made before this one; those of older releases say nothing.

    Parameters
    ----------
    image
        One of the study's, which says when it was made.
    """
    now, found = _moment(image), []
    for each in ledger.history.other_studies(study_instance_uid) if now else ():
        file = archive.root / each.path
        made = _moment(file) if not archive.uuid or file.exists() else None  # of a study that lies on another host
        if now and made and made < now and each.summary.visit is not None:
            found.append(replace(each.summary.visit, date=made[0]))
    return tuple(found)


def visits_of_study(
    ledger: Ledger, archive: Archive, study_instance_uid: str, image: Path, summary: AnalysisSummary
) -> tuple[Visit, ...]:
    """The patient's earlier results as this node knows them now, beside those of a study that was answered before.

    What an archive told when it was analysed stands among them.
    """
    earlier = earlier_visits(ledger, archive, study_instance_uid, image)
    return visits_beside(summary.visit, image, (*earlier, *summary.elsewhere))


def visits_beside(present: Visit | None, image: Path, earlier: Sequence[Visit]) -> tuple[Visit, ...]:
    """The earlier visits by date and the present one, with what is not to be compared; empty where there is none."""
    now = _moment(image)
    return compared(replace(present, date=now[0]), earlier) if now and present and earlier else ()


def _moment(path: Path) -> tuple[str, str] | None:
    """Date and time of the study, to the second; None where the header has no date, or there is no header."""
    try:
        said = read_identification(path)
    except NotAnInstance:
        log.warning("the header of a study could not be read")
        return None
    is_date = len(said.study_date) == 8 and said.study_date.isascii() and said.study_date.isdigit()
    return (said.study_date, said.study_time[:6]) if is_date else None
