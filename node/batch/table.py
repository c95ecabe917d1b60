"""The rows of a batch as Parquet: one a study in the manifest's order, every column typed, the same for every engine.

results.parquet holds no time and no place, so that the same batch gives the same bytes; timings.parquet holds seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mome_core.calibration import coalition_name
from mome_core.case import Modality
from mome_core.measurements import Measurements
from mome_core.results import Endpoint
from mome_core.training.files import write_whole
from node.errors import NodeError
from node.summary import AnalysisSummary, ScoreSummary

RESULTS, TIMINGS = "results.parquet", "timings.parquet"


class RowStatus(StrEnum):
    """What became of a study."""

    SCORED = "scored"
    WITHHELD = "withheld"
    NOT_ANALYSED = "not-analysed"
    FAILED = "failed"  # tried again by the next call


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One study of a batch.

    Parameters
    ----------
    case, patient
        As the manifest calls them.
    name
        Of its row file; empty where it failed.
    summary
        What the analysis found; None where it failed.
    failure
        Why there is none.
    """

    case: str
    patient: str
    name: str
    summary: AnalysisSummary | None
    failure: str = ""

    @property
    def status(self) -> RowStatus:
        """What became of it."""
        if self.summary is None:
            return RowStatus.FAILED
        if any(score.probability is not None for score in self.summary.scores):
            return RowStatus.SCORED
        return RowStatus.WITHHELD if self.summary.modalities else RowStatus.NOT_ANALYSED

    @property
    def code(self) -> str:
        """Why there is no score, as a stable code; empty with one."""
        return "FAILED" if self.summary is None else self.summary.code

    @property
    def reason(self) -> str:
        """Why there is no score, in words; empty with one."""
        return self.failure if self.summary is None else self.summary.reason

    def values(self) -> dict[str, object]:
        """The row of the table."""
        summary = self.summary or AnalysisSummary()
        scores = {each.endpoint: each for each in summary.scores}
        named = {"case": self.case, "patient": self.patient, "status": self.status, "code": self.code}
        named |= {"reason": self.reason, "modalities": coalition_name(summary.modalities) if summary.modalities else ""}
        named |= {"flags": " ".join(dict.fromkeys(each.code for each in summary.flags))}
        found: dict[str, object] = dict(named)
        for endpoint in Endpoint:
            found |= _score_values(endpoint, scores.get(endpoint))
        models = dict.fromkeys(f"{each.model.name} {each.model.version}" for each in summary.scores)
        return found | _measured_values(summary.measurements) | {"model": "; ".join(models), "row": self.name}


def _score_values(endpoint: Endpoint, score: ScoreSummary | None) -> dict[str, object]:
    """Probability, call, operating point and contributions of one endpoint."""
    shown = score is not None and score.probability is not None
    found: dict[str, object] = {
        f"{endpoint}_probability": score.probability if score else None,
        f"{endpoint}_call": str(score.call) if score else "",
        f"{endpoint}_operating_point": score.threshold if score and shown else None,
        f"{endpoint}_base": score.base_probability if score and shown else None,
    }
    for modality in Modality:
        found[f"{endpoint}_from_{modality.lower()}"] = score.contributions.get(modality) if score else None
    return found


def _measured_values(measured: Measurements | None) -> dict[str, object]:
    """What was measured without a network; codes of what was not."""
    tissue = measured.tissue if measured else None
    extents = (tissue.extents_mm if tissue else None) or (None, None, None)
    return {
        "measured_at": str(tissue.measured_at) if tissue else "",
        "side": tissue.side if tissue else "",
        "initial_uptake_percent": tissue.whole.initial_uptake_percent if tissue else None,
        "delayed_change_percent": tissue.whole.delayed_change_percent if tissue else None,
        "worst_curve": str(tissue.worst.type or "") if tissue else "",
        "volume_ml": tissue.volume_ml if tissue else None,
        "extent_left_right_mm": extents[0],
        "extent_anterior_posterior_mm": extents[1],
        "extent_foot_head_mm": extents[2],
        "adc_1e-3_mm2_per_s": measured.diffusion.mean if measured and measured.diffusion else None,
        "not_measured": " ".join(sorted({each.code for each in measured.not_measured})) if measured else "",
    }


def require_parquet() -> None:
    """Raise NodeError unless tables can be written."""
    _arrow()


def write_tables(out: Path, rows: Sequence[BatchRow]) -> None:
    """Write both tables, each whole or not at all."""
    write_whole(out / RESULTS, _parquet((row.values() for row in rows), BatchRow("", "", "", None).values()))
    write_whole(out / TIMINGS, _parquet(_seconds(rows), {"case": "", "stage": "", "seconds": None}))


def _seconds(rows: Iterable[BatchRow]) -> Iterator[dict[str, object]]:
    """A line for each stage of each study."""
    for row in rows:
        for stage, seconds in (row.summary.timings_s if row.summary else {}).items():
            yield {"case": row.case, "stage": stage, "seconds": seconds}


def _parquet(rows: Iterable[Mapping[str, object]], empty: Mapping[str, object]) -> bytes:
    """A Parquet file; columns whose empty value is a text are texts, the others numbers (null: none)."""
    arrow, parquet = _arrow()
    rows = list(rows)
    kinds = {name: arrow.string() if isinstance(value, str) else arrow.float64() for name, value in empty.items()}
    columns = {name: arrow.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    content = io.BytesIO()
    parquet.write_table(arrow.table(columns), content, compression="zstd")
    return content.getvalue()


def _arrow() -> tuple[Any, Any]:
    """pyarrow and its module for Parquet."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise NodeError("the table is Parquet, which needs pyarrow: pip install 'mome-node[cluster]'") from None
    return pyarrow, pyarrow.parquet
