"""A bundle calibrated anew on a cohort: which cases are asked, what is counted meanwhile, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibrations import calibrated
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import ManifestRow, Split
from mome_core.training.dataset import cache_key, keep_arrays, read_arrays, seen_in
from mome_core.training.errors import TrainingRefused
from mome_core.training.exposure import ExposureRecord
from mome_core.training.start import from_scratch
from node.cases import CohortProgress, content_digest
from node.recalibration import RecalibrationPlan, recalibrate_bundle
from training_examples import RECIPE, SMALL, examples

pytestmark = pytest.mark.slow


class Counted(CohortProgress):
    def __init__(self) -> None:
        self.last: dict[str, tuple[int, int]] = {}

    def step(self, stage: str, done: int, planned: int) -> None:
        self.last[stage] = (done, planned)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[ManifestRow]:
    """111 studies that were prepared before, so that none has to be read; the last is no validation case."""
    folder = tmp_path_factory.mktemp("site")
    made = []
    for n, example in enumerate(examples(folder / "arrays", 111)):
        study = folder / f"s{n}"
        study.mkdir()
        (study / "file").write_text(str(n))
        path = folder / "cache" / f"{cache_key(content_digest(study), RECIPE)}.safetensors"
        keep_arrays(path, read_arrays(example.path), seen_in([example]))
        split = Split.VALIDATION if n < 110 else Split.TEST
        made.append(ManifestRow(f"s{n}", study, f"p{n}", example.labels, split, {}))
    return made


@pytest.fixture(scope="module")
def bundle(rows: list[ManifestRow]) -> Path:
    """A bundle that was taught by two of the patients."""
    place = rows[0].folder.parent / "parent"
    taught = [replace(each, patient=each.patient.replace("patient ", "p")) for each in examples(place / "x", 2)]
    told = {"exposure": ExposureRecord().extended(taught, ()).to_json()}
    one = Estimator(Augmentation.NONE)
    save_checkpoint(
        place, from_scratch(SMALL, 1), RECIPE, Description("ours", "1", "For tests.", told), (calibrated(one),)
    )
    return place


def plan(bundle: Path, out: Path, split: str = "validation") -> RecalibrationPlan:
    return RecalibrationPlan(bundle, out, split, device="cpu", cache=bundle.parent / "cache")


def test_new_cases_of_the_split_are_answered_and_counted(rows: list[ManifestRow], bundle: Path, tmp_path: Path) -> None:
    told = Counted()
    found = recalibrate_bundle(rows, plan(bundle, tmp_path / "here"), told)
    assert (found.cases, found.seen) == (108, 2)
    assert told.last == {"cases prepared": (110, 110), "ours: cases answered": (108, 108)}
    written = load_checkpoint(tmp_path / "here")
    assert written.identity.sha256 == load_checkpoint(bundle).identity.sha256
    assert written.identity.version == "1+site1"


def test_a_model_of_patients_is_not_calibrated_on_breasts(
    rows: list[ManifestRow], bundle: Path, tmp_path: Path
) -> None:
    breasts = [replace(row, side=Laterality.LEFT) for row in rows]
    with pytest.raises(TrainingRefused, match="a case of ours is a patient, and one of this manifest is a breast"):
        recalibrate_bundle(breasts, plan(bundle, tmp_path / "out"), CohortProgress())


def test_too_few_new_patients_are_refused_before_anything_is_answered(
    rows: list[ManifestRow], bundle: Path, tmp_path: Path
) -> None:
    told = Counted()
    with pytest.raises(TrainingRefused, match="at least 100 patients are needed"):
        recalibrate_bundle(rows[:90], plan(bundle, tmp_path / "here", split=""), told)
    assert "ours: cases answered" not in told.last and not (tmp_path / "here").exists()


def test_no_calibration_is_fitted_to_what_readers_said_of_the_score(
    rows: list[ManifestRow], bundle: Path, tmp_path: Path
) -> None:
    judged = {"label_source": f"{Endpoint.MALIGNANCY}=verdict:agree-with-positive"}
    known = [*rows[:105], *(replace(each, facts=judged) for each in rows[105:])]
    assert recalibrate_bundle(known, plan(bundle, tmp_path / "here"), Counted()).cases == 103
