"""Which cases the node would show no score of: by a quality flag, by the calibration, without DCE, or unanswerable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrations import calibrated, calibrations
from mome_core.case import Modality
from mome_core.model.baselines import Fusion, ResNetArchitecture
from mome_core.model.build import build_network
from mome_core.model.checkpoint import Checkpoint, Description, load_baseline, load_checkpoint, save_checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.preprocessing.recipe import QualityLimits
from mome_core.results import Endpoint
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.questions import heads_named
from mome_core.training.start import from_scratch
from mome_core.training.withheld import require_a_score, withheld_of
from training_examples import RECIPE, SMALL

T2 = (Modality.T2,)


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    place = tmp_path_factory.mktemp("bundles") / "untaught"
    save_checkpoint(place, from_scratch(SMALL, 1), RECIPE, Description("untaught", "1", "Knows nothing."))
    return load_checkpoint(place)


def read_by(model: Checkpoint, of: EndpointCalibrations) -> Checkpoint:
    return replace(model, estimators=(calibrated(model.estimator, of=of),))


def case(modalities: tuple[Modality, ...] = tuple(Modality), **facts: Any) -> Example:
    known = replace(InputFacts.of_modalities(modalities), **facts)
    return Example("one", "p1", {Endpoint.MALIGNANCY: 1}, Path("x"), known)


def code_of(model: Checkpoint, example: Example) -> str:
    found = withheld_of(model, example, Endpoint.MALIGNANCY)
    return found.code if found else ""


def test_a_flag_withholds_as_severely_as_in_the_node(untaught: Checkpoint) -> None:
    model = read_by(untaught, calibrations())
    moved = case(moved_mm=6.0, motion_left_mm=4.4)
    assert code_of(model, moved) == "MOTION_LEFT"
    lenient = replace(model.recipe, quality=QualityLimits(withhold=()))
    assert code_of(replace(model, recipe=lenient), moved) == "", "each model judges by the limits of its own recipe"


def test_a_subset_that_tells_nothing_apart_has_no_score(untaught: Checkpoint) -> None:
    blind = read_by(untaught, calibrations(withheld=[T2]))
    assert code_of(blind, case()) == ""
    assert code_of(blind, case(T2)) == "NOT_TOLD_APART"


def test_without_dce_a_bundle_answers_only_where_it_calls(untaught: Checkpoint) -> None:
    """As the node: a bundle from before calibrations shows its score of whole studies, and none without DCE."""
    assert code_of(untaught, case()) == ""
    assert code_of(untaught, case(T2)) == "NOT_CALIBRATED"
    assert code_of(read_by(untaught, calibrations()), case(T2)) == ""


def test_a_network_that_needs_what_a_case_lacks_has_no_score(tmp_path: Path) -> None:
    heads = heads_named(["malignancy"])
    architecture = ResNetArchitecture(
        Fusion.FEATURE, tuple(Modality), recipe=RECIPE, answers=heads, stage_widths=(4,), stage_blocks=(1,)
    )
    save_checkpoint(tmp_path / "fused", build_network(architecture), RECIPE, Description("fused", "1", "For tests."))
    found = withheld_of(load_baseline(tmp_path / "fused"), case(T2), Endpoint.MALIGNANCY)
    assert found is not None and (found.code, found.words) == ("CANNOT_ANSWER", "it cannot answer from T2")


def test_a_model_without_any_score_is_refused_with_its_reasons(untaught: Checkpoint) -> None:
    blind = read_by(untaught, calibrations(withheld=[T2]))
    require_a_score(blind, [case(T2), case()], Endpoint.MALIGNANCY)
    with pytest.raises(TrainingRefused, match="untaught gives no score for any of the 2 cases: from T2 alone"):
        require_a_score(blind, [case(T2), case(T2)], Endpoint.MALIGNANCY)
