"""Which model answers: no candidate without locked cases that are what they were, and always a way back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import phantom
from dicom_io.phantom.attributes import BIRTH_DATE, patient_id
from mome_core.case import Modality
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.exposure import ExposureRecord
from mome_core.training.gate import AcceptanceCheck
from mome_core.training.start import from_scratch
from node.cases import CohortProgress
from node.errors import NotReady, SettingsError
from node.loaded_models import load_models
from node.locked_cases import LockedSet, lock_cases
from node.model_settings import ModelSettings
from node.models import Registry, find_bundle, open_decisions, require_answering_together
from node.promotion import (
    PromotionPlan,
    PromotionReport,
    begin_shadow,
    end_shadow,
    kept_models,
    promote,
    roll_back,
)
from node.settings import Settings
from node.storage.decisions import Act, lock_of, shadow_of
from second_bundle import breast_bundle, second_bundle


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "root").mkdir()
    return Settings(storage={"root": tmp_path / "root"}, model={"allow_unsigned": True})


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two cases; nobody reads their images before a model is loaded."""
    for n in range(2):
        (tmp_path / f"s{n}").mkdir()
        (tmp_path / f"s{n}" / "1.dcm").write_bytes(b"image %d" % n)
    manifest = tmp_path / "cohort.csv"
    manifest.write_text("case,patient,malignancy,split\ns0,p0,0,test\ns1,p1,1,test\n")
    return manifest


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate that has learned nothing."""
    demo, place = load_checkpoint(find_bundle("demo")), tmp_path_factory.mktemp("poor") / "poor"
    network = from_scratch(demo.architecture, seed=3)
    save_checkpoint(place, network, demo.recipe, Description("poor", "1", "Knows nothing."))
    return place


def examine(settings: Settings, bundle: str) -> PromotionReport:
    return promote(settings, PromotionPlan(bundle), CohortProgress(), by="anna", now=2.0)


def test_locked_cases_are_remembered_with_their_terms(settings: Settings, cohort: Path) -> None:
    locked = lock_cases(settings, cohort, "test", Endpoint.MALIGNANCY, by="anna", now=1.0)
    decision = lock_of(open_decisions(settings).decisions())
    assert decision is not None and (decision.by, decision.at) == ("anna", 1.0)
    assert LockedSet.of(decision) == locked
    assert [row.name for row in locked.rows()] == ["s0", "s1"]


def test_cases_of_one_class_judge_nobody(settings: Settings, cohort: Path) -> None:
    cohort.write_text("case,patient,malignancy\ns0,p0,1\ns1,p1,1\n")
    with pytest.raises(TrainingRefused, match="both classes are needed"):
        lock_cases(settings, cohort, "", Endpoint.MALIGNANCY, by="anna", now=1.0)


def test_no_candidate_is_judged_by_what_readers_said_of_the_active_one(settings: Settings, cohort: Path) -> None:
    judged = "malignancy=verdict:agree-with-positive"
    rows = f"s0,p0,1,\ns1,p1,0,\ns2,p2,1,{judged}\n"
    cohort.write_text(f"case,patient,malignancy,label_source\n{rows}")
    assert lock_cases(settings, cohort, "", Endpoint.MALIGNANCY, by="anna", now=1.0).cases == 2
    cohort.write_text(cohort.read_text().replace("s0,p0,1,", f"s0,p0,1,{judged}"))
    with pytest.raises(TrainingRefused, match=r"both classes are needed.*\(label_source\): s0, s2"):
        lock_cases(settings, cohort, "", Endpoint.MALIGNANCY, by="anna", now=1.0)


def test_no_candidate_without_locked_cases(settings: Settings, poor: Path) -> None:
    with pytest.raises(NotReady, match=r"mome-node model lock COHORT\.csv"):
        examine(settings, str(poor))


@pytest.mark.parametrize("changed", ["a label", "an image"])
def test_cases_that_were_changed_judge_nobody(settings: Settings, cohort: Path, poor: Path, changed: str) -> None:
    lock_cases(settings, cohort, "", Endpoint.MALIGNANCY, by="anna", now=1.0)
    if changed == "a label":
        cohort.write_text(cohort.read_text().replace("p0,0", "p0,1").replace("p1,1", "p1,0"))
    else:
        (cohort.parent / "s0" / "1.dcm").write_bytes(b"another image")
    with pytest.raises(NotReady, match="were changed after they were locked"):
        examine(settings, str(poor))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight phantoms as the cases that judge."""
    folder = tmp_path_factory.mktemp("site")
    lines = ["case,patient,malignancy"]
    for n in range(8):
        phantom.study(folder / f"s{n}", lesion="benign" if n % 2 else "malignant", seed=60 + n)
        lines.append(f"s{n},p{n},{1 - n % 2}")
    (folder / "cohort.csv").write_text("\n".join(lines))
    return folder


def taught_by(folder: Path, name: str, *cases: Example) -> str:
    """A bundle with new weights that says it was trained on these cases and no others."""
    demo = load_checkpoint(find_bundle("demo"))
    provenance = {"exposure": ExposureRecord().extended(cases, ()).to_json()}
    network = from_scratch(demo.architecture, seed=5)
    save_checkpoint(folder / name, network, demo.recipe, Description(name, "1", "For tests.", provenance))
    return str(folder / name)


@pytest.mark.slow
def test_every_examination_is_an_attempt_and_a_leak_is_refused_unmeasured(tmp_path: Path, site: Path) -> None:
    (tmp_path / "root").mkdir()
    sections = {"model": {"allow_unsigned": True}, "promotion": {"fewest": 4, "margin": 0.45}}
    settings = Settings(storage={"root": tmp_path / "root"}, **sections)
    locked = lock_cases(settings, site / "cohort.csv", "", Endpoint.MALIGNANCY, by="anna", now=1.0)

    def dry_run(bundle: str, now: float) -> PromotionReport:
        plan = PromotionPlan(bundle, dry_run=True, cache=tmp_path / "cache", workers=1)
        return promote(settings, plan, CohortProgress(), by="anna", now=now)

    stranger = Example("x", "p99", {}, Path("x"), InputFacts.of_modalities([Modality.T2]))
    one_of_them = replace(stranger, identity=f"{patient_id(63)} {BIRTH_DATE}")  # under another pseudonym
    leak = dry_run(taught_by(tmp_path, "leaking", one_of_them), 2.0)
    assert [check.name for check in leak.failed] == ["unseen cases"] and leak.attempt == 0
    assert leak.failed[0].words.startswith("1 of 8 patients are not new to it: 1 taught it")

    fresh = taught_by(tmp_path, "fresh", stranger)
    assert dry_run(fresh, 3.0).attempt == 1
    decisions = open_decisions(settings)
    for n in range(8):
        decisions.begin_examination("d" * 64, locked.digest, "otto", 4.0 + n)  # cut short, and yet an attempt
    tenth = dry_run(fresh, 20.0)
    assert tenth.attempt == 10
    words = next(check.words for check in tenth.checks if check.name == "not worse")
    assert "attempt 10 on these cases, so 99.95 %" in words
    outcomes = [each.outcome.partition(":")[0] for each in decisions.decisions() if each.outcome]
    assert outcomes == ["not measured", "attempt 1", "attempt 10"]


def test_the_active_model_is_no_candidate(settings: Settings) -> None:
    with pytest.raises(NotReady, match="is the active model"):
        examine(settings, "demo")


def test_no_model_takes_over_a_question_that_a_further_one_answers(settings: Settings, poor: Path) -> None:
    registry, decisions = Registry(settings.storage.root), open_decisions(settings)
    further = second_bundle(settings.storage.root / "further", Endpoint.MALIGNANCY)
    beside = settings.model_copy(update={"model": ModelSettings(further=(str(further),), allow_unsigned=True)})
    with pytest.raises(SettingsError, match="poor and second both answer malignancy"):
        examine(beside, str(poor))
    assert decisions.decisions() == []
    before, after = registry.add(find_bundle("demo")), registry.add(poor)
    decisions.decide(Act.PROMOTED, after, "anna", {"before": before}, 1.0)
    with pytest.raises(SettingsError, match="demo and second both answer malignancy"):
        roll_back(beside, by="anna", now=2.0)


def test_no_model_of_single_breasts_answers_in_a_node(settings: Settings, tmp_path: Path, cohort: Path) -> None:
    lock_cases(settings, cohort, "test", Endpoint.MALIGNANCY, by="anna", now=1.0)
    bundle = breast_bundle(tmp_path / "breasts")
    with pytest.raises(SettingsError, match="a node analyses whole studies"):
        examine(settings, str(bundle))
    with pytest.raises(SettingsError, match="a node analyses whole studies"):
        begin_shadow(settings, str(bundle), by="anna", now=3.0)
    with pytest.raises(SettingsError, match="a node analyses whole studies"):
        load_models(settings, [bundle])
    active = settings.model_copy(update={"model": ModelSettings(path=str(bundle), allow_unsigned=True)})
    with pytest.raises(SettingsError, match="a node analyses whole studies"):
        require_answering_together(active, open_decisions(active))


def test_no_candidate_is_judged_by_single_breasts(settings: Settings, cohort: Path) -> None:
    cohort.write_text("case,patient,side,malignancy,split\ns0,p0,L,0,test\ns1,p1,L,1,test\n")
    with pytest.raises(TrainingRefused, match="lists single breasts"):
        lock_cases(settings, cohort, "test", Endpoint.MALIGNANCY, by="anna", now=1.0)


def test_there_is_no_way_back_before_the_first_promotion(settings: Settings) -> None:
    with pytest.raises(NotReady, match="no model to go back to"):
        roll_back(settings, by="anna", now=1.0)


def test_a_rollback_makes_the_model_before_active(settings: Settings, poor: Path) -> None:
    registry, decisions = Registry(settings.storage.root), open_decisions(settings)
    before, after = registry.add(find_bundle("demo")), registry.add(poor)
    decisions.decide(Act.PROMOTED, after, "anna", {"before": before}, 1.0)
    assert {each.role: each.digest for each in kept_models(settings, decisions)} == {"active": after, "earlier": before}
    assert roll_back(settings, by="otto", now=2.0).active == "demo"
    assert {each.role: each.digest for each in kept_models(settings, decisions)} == {"active": before, "kept": after}


def test_a_shadow_takes_the_place_of_the_one_before_and_ends(settings: Settings, poor: Path) -> None:
    begin_shadow(settings, "demo", by="anna", now=1.0)
    digest = begin_shadow(settings, str(poor), by="anna", now=2.0)
    decisions = open_decisions(settings)
    shadow = shadow_of(decisions.decisions())
    assert shadow is not None and shadow.digest == digest
    assert end_shadow(settings, by="otto", now=3.0)
    assert not end_shadow(settings, by="otto", now=4.0)
    acts = [each.act for each in decisions.decisions()]
    assert acts == [Act.SHADOWED, Act.UNSHADOWED, Act.SHADOWED, Act.UNSHADOWED]


def test_one_failed_check_fails_the_candidate() -> None:
    identity = ModelIdentity("ours", "1", "a" * 64, "for tests")
    checks = (
        AcceptanceCheck("not worse", False, "AUROC 0.6"),
        AcceptanceCheck("deterministic", True, "twice the same"),
    )
    report = PromotionReport(identity, identity, "b" * 64, 1, checks, promoted=False)
    assert [check.name for check in report.failed] == ["not worse"]
    told = json.loads(json.dumps(report.to_json()))
    assert (told["passed"], told["promoted"], told["checks"][0]["name"]) == (False, False, "not worse")
