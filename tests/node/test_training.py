"""A site's own model without any command line: from a cohort of DICOM folders to bundles, and what the report says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import phantom
from mome_core.case import Modality
from mome_core.model.checkpoint import Checkpoint, Description, load_baseline, load_checkpoint, save_checkpoint
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import ManifestRow, Split, read_manifest
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import Cohort, ExcludedCase, read_arrays
from mome_core.training.errors import TrainingRefused
from mome_core.training.folds import Folding, partition
from mome_core.training.metrics import auroc
from mome_core.training.nested import CrossValidation, FoldMean
from mome_core.training.questions import heads_named
from mome_core.training.run_state import EpochReport
from mome_core.training.scored import scored
from mome_core.training.start import NetworkKind, from_scratch
from mome_core.training.statistics import Interval
from node.engines.local import LocalEngine
from node.errors import SettingsError
from node.training import TrainingPlan, train_models, train_on, training_config
from node.training_report import TrainedModel, TrainingProgress, TrainingReport
from training_examples import QUICK, RECIPE, SMALL, examples

MALIGNANCY = heads_named(["malignancy"])
MODEL = TrainedModel("ours", "a" * 64, best_epoch=3, validation_auroc=0.75, training_cases=8, validation_cases=2)


class Heard(TrainingProgress):
    def __init__(self) -> None:
        self.epochs: list[tuple[str, int]] = []

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        self.epochs.append((model, report.epoch + 1))


def test_the_protocol_is_the_endpoint_s_unless_a_file_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text('accumulation = 8\nflips = "group"\n')
    config = training_config(file, heads_named(["triple_negative"]), epochs=3)
    assert (config.epochs, config.accumulation, config.class_weighted) == (3, 8, True)
    assert training_config(None, MALIGNANCY, threads=None) == TrainingConfig()
    file.write_text("accumulations = 8\n")
    with pytest.raises(TrainingRefused, match="no 'accumulations'"):
        training_config(file, MALIGNANCY)


def test_a_config_that_cannot_be_read_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text("{")
    for name in ("torn.json", "missing.toml"):
        with pytest.raises(SettingsError, match=name):
            training_config(tmp_path / name, MALIGNANCY)


def test_the_report_of_one_model_is_flat_and_of_all_folds_a_list() -> None:
    excluded = (ExcludedCase("s9", "torn"),)
    one = TrainingReport((MODEL,), excluded).to_json()
    assert one["excluded"] == [{"case": "s9", "reason": "torn"}]
    assert one["validation_auroc"] == 0.75 and "folds" not in one
    figures = {"auroc": 0.7}
    pooled = {"auroc": Interval(0.7, 0.5, 0.9)}
    together = CrossValidation(10, 0, (figures, figures), {"auroc": FoldMean(0.7, 0.0, 0.7, 0.7)}, pooled)
    folds = TrainingReport((MODEL, MODEL), excluded, {"malignancy": together}).to_json()
    assert [each["best_epoch"] for each in folds["folds"]] == [3, 3]  # type: ignore[attr-defined]
    told = folds["cross_validation"]["malignancy"]  # type: ignore[index]
    assert told["mean"]["auroc"] == {"mean": 0.7, "sd": 0.0, "low": 0.7, "high": 0.7}  # type: ignore[index]
    assert told["pooled"]["auroc"] == {"value": 0.7, "low": 0.5, "high": 0.9}  # type: ignore[index]


@pytest.fixture
def start(tmp_path: Path) -> Checkpoint:
    save_checkpoint(tmp_path / "start", from_scratch(SMALL, 1), RECIPE, Description("start", "1", "Knows nothing."))
    return load_checkpoint(tmp_path / "start")


def cohort(folder: Path, count: int) -> tuple[Cohort, list[ManifestRow]]:
    cases = examples(folder, count)
    rows = [ManifestRow(e.name, folder / e.name, e.patient, e.labels, None, {"site": "x"}) for e in cases]
    return Cohort(tuple(cases)), rows


def plan(folder: Path, fold: int | None) -> TrainingPlan:
    return TrainingPlan(folder / "start", MALIGNANCY, QUICK, folder / "ours", inner_folds=4, fold=fold)


def test_every_fold_is_scored_once_by_a_model_that_chose_without_it(tmp_path: Path, start: Checkpoint) -> None:
    cases, rows = cohort(tmp_path, 40)
    heard = Heard()
    report = train_on(cases, rows, start, plan(tmp_path, None), heard)
    assert report is not None
    found = report.cross_validation["malignancy"]
    assert [Path(each.bundle).name for each in report.models] == [f"fold-{n}" for n in range(1, 6)]
    assert [(each.training_cases, each.validation_cases, each.held_out_cases) for each in report.models] == [
        (24, 8, 8)
    ] * 5
    assert found.cases == 40
    assert heard.epochs == [(f"fold-{n}", epoch) for n in range(1, 6) for epoch in (1, 2, 3)]
    assert (tmp_path / "ours" / "fold-1.run" / "history.svg").read_text().count("<svg") == 1
    assert load_checkpoint(tmp_path / "ours" / "fold-2").manifest["estimators"][0]["endpoints"]["malignancy"]
    alone = [each.held_out["malignancy"].figures["auroc"] for each in report.models]
    assert found.mean["auroc"].mean == pytest.approx(sum(alone) / 5)


@pytest.mark.slow
def test_folds_side_by_side_give_the_weights_of_one_after_the_other(tmp_path: Path, start: Checkpoint) -> None:
    cases, rows = cohort(tmp_path, 40)
    config = replace(QUICK, threads=1)
    apart = replace(plan(tmp_path, None), config=config)
    one_by_one = train_on(cases, rows, start, replace(apart, out=tmp_path / "serial"), TrainingProgress())
    together = train_on(cases, rows, start, apart, TrainingProgress(), engine=LocalEngine(2))
    assert one_by_one is not None and together is not None
    assert weights(together) == weights(one_by_one)
    assert together.cross_validation == one_by_one.cross_validation


def weights(report: TrainingReport) -> list[str]:
    """Digest of each model's tensors."""
    files = [Path(each.bundle) / "model.safetensors" for each in report.models]
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]


def test_the_sides_that_were_drawn_lie_beside_the_bundle(tmp_path: Path, start: Checkpoint) -> None:
    cases, rows = cohort(tmp_path, 40)
    report = train_on(cases, rows, start, plan(tmp_path, 1), TrainingProgress())
    assert report is not None
    drawn = read_manifest(Path(report.models[0].split))
    assert report.models[0].split == str(tmp_path / "ours.split.csv")
    assert [sum(row.split is split for row in drawn) for split in Split] == [24, 8, 8]
    assert {row.facts["site"] for row in drawn} == {"x"}
    held = {row.folder.name for row in drawn if row.split is Split.TEST}
    kept = [example for example in cases.examples if example.name in held]
    labels = [example.labels[Endpoint.MALIGNANCY] for example in kept]
    again = auroc(labels, scored(load_checkpoint(tmp_path / "ours"), kept, Endpoint.MALIGNANCY))
    assert report.models[0].held_out["malignancy"].figures["auroc"] == again


def test_networks_that_are_compared_hold_out_the_same_patients(tmp_path: Path, start: Checkpoint) -> None:
    """Feature fusion cannot answer a quarter of the cases: the others stay on the sides that MOME has them on."""
    whole, rows = cohort(tmp_path, 40)
    without = InputFacts.of_modalities([Modality.DCE, Modality.DWI])
    cases = Cohort(tuple(replace(each, facts=without) if n % 4 > 2 else each for n, each in enumerate(whole.examples)))
    config = replace(QUICK, epochs=1, modality_dropout=0.0, resnet_widths=(4,))
    fused = replace(plan(tmp_path, 2), network=NetworkKind.FEATURE_FUSION, config=config)
    report = train_on(cases, rows, start, fused, TrainingProgress())
    assert report is not None and len(report.excluded) == 10
    drawn = {row.folder.name: row.split for row in read_manifest(Path(report.models[0].split))}
    sides = partition(whole.examples, [None] * 40, MALIGNANCY, Folding(5, 4, config.seed), 2)
    for split, side in zip(Split, (sides.training, sides.validation, sides.held_out), strict=True):
        assert {name for name, of in drawn.items() if of is split} == {e.name for e in side if e.name in drawn}
    assert len(drawn) == 30
    told = load_baseline(tmp_path / "ours").manifest["provenance"]
    assert (told["started_from"], told["scratch"]) == ("", True), "a ResNet takes no value of the start"


@pytest.mark.slow
def test_rows_of_breasts_make_a_model_of_breasts_and_no_patient_is_on_two_sides(
    tmp_path: Path, start: Checkpoint
) -> None:
    lines = ["case,patient,side,malignancy"]
    for n in range(4):
        phantom.study(tmp_path / f"s{n}", only=("dce", "t2"), seed=60 + n)
        truth = phantom.examination(seed=60 + n).truth
        left = int((truth.lesion & truth.left).any())
        lines += [f"s{n},p{n},L,{left}", f"s{n},p{n},R,{1 - left}"]
    manifest = tmp_path / "breasts.csv"
    manifest.write_text("\n".join(lines))
    quick = replace(
        plan(tmp_path, 0), config=replace(QUICK, epochs=1), folds=2, inner_folds=2, cache=tmp_path / "cache"
    )
    report = train_models(read_manifest(manifest), quick, TrainingProgress())
    assert report is not None and report.excluded == ()
    assert start.recipe.unit is UnitOfAnalysis.PATIENT, "what it started from knew patients"
    ours = load_checkpoint(tmp_path / "ours")
    assert ours.recipe.unit is UnitOfAnalysis.BREAST
    assert ours.identity.statement.startswith("Trained on 2 single breasts of 1 patients")
    assert "A case is one breast" in (tmp_path / "ours" / "MODEL_CARD.md").read_text()
    drawn = read_manifest(Path(report.models[0].split))
    assert {row.side for row in drawn} == {Laterality.LEFT, Laterality.RIGHT} and len(drawn) == 8
    sides = {patient: {row.split for row in drawn if row.patient == patient} for patient in ["p0", "p1", "p2", "p3"]}
    assert all(len(each) == 1 for each in sides.values())
    arrays = [read_arrays(path) for path in sorted((tmp_path / "cache").glob("*.safetensors"))]
    assert len(arrays) == 8, "each breast is prepared by itself"


def test_sides_named_by_the_manifest_leave_its_test_cases_to_evaluate(tmp_path: Path, start: Checkpoint) -> None:
    cases, rows = cohort(tmp_path, 24)
    sides = [Split.TRAINING, Split.TRAINING, Split.VALIDATION, Split.VALIDATION, Split.TEST, Split.TEST]
    rows = [replace(row, split=sides[n % 6]) for n, row in enumerate(rows)]
    report = train_on(cases, rows, start, plan(tmp_path, 0), TrainingProgress())
    assert report is not None
    model = report.models[0]
    assert (model.training_cases, model.validation_cases, model.held_out_cases, model.held_out) == (8, 8, 0, {})
    assert not (tmp_path / "ours.split.csv").exists()
