"""What a training reports: while it goes on, and of the models that it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from mome_core.training.dataset import ExcludedCase
from mome_core.training.nested import CrossValidation
from mome_core.training.run_state import EpochReport
from node.cases import CohortProgress, exclusions_json


@dataclass(frozen=True, slots=True)
class HeldOutFold:
    """One endpoint on the fold that was kept for the end; `withheld`: cases that the node would give no call for."""

    cases: int
    withheld: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One bundle that was trained.

    Parameters
    ----------
    best_epoch
        From 1.
    validation_auroc
        Of the cases that chose the epoch, so it is no test.
    held_out
        By endpoint; empty where the manifest names the sides.
    split
        Manifest that says who was on which side; empty where the cohort's own says so.
    """

    bundle: str
    sha256: str
    best_epoch: int
    validation_auroc: float
    training_cases: int
    validation_cases: int
    held_out_cases: int = 0
    held_out: Mapping[str, HeldOutFold] = field(default_factory=dict)
    split: str = ""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The models of one training, the cases that could not be used, and by endpoint what every fold together shows."""

    models: tuple[TrainedModel, ...]
    excluded: tuple[ExcludedCase, ...]
    cross_validation: Mapping[str, CrossValidation] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        payload: dict[str, object] = {"excluded": exclusions_json(self.excluded)}
        if not self.cross_validation:
            return payload | asdict(self.models[0])
        together = {endpoint: asdict(found) for endpoint, found in self.cross_validation.items()}
        return payload | {"folds": [asdict(each) for each in self.models], "cross_validation": together}


class TrainingProgress(CohortProgress):
    """What is reported while models are trained; this one stays silent."""

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        """One epoch of a model is over, of at most so many epochs."""
