"""One case from voxels to a Result: scores, contributions, saliency on the source grid, and reasons to withhold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import phantom
from calibrations import calibrated, calibrations
from mome_core import inference, results
from mome_core.calibration import WithheldCode
from mome_core.case import Case, Modality
from mome_core.errors import StudyIneligible
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.reported import SaliencyRequest
from mome_core.inference import ActiveModel, analyze, analyze_together
from mome_core.model.architecture import Architecture, Head
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.mome import Mome
from mome_core.policy import Policy
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint, ModelIdentity

RECIPE = Recipe(dce_size=(64, 48, 16), dwi_size=(48, 32, 16), t2_size=(64, 48, 16), dce_phases=2)
SMALL = Architecture(
    width=16,
    heads=2,
    ffn_width=32,
    layers=3,
    sparse_layers=2,
    adapter_width=4,
    soft_experts=3,
    stem_widths=(4, 4),
    answers=(Head(Endpoint.MALIGNANCY), Head(Endpoint.TRIPLE_NEGATIVE)),
).for_recipe(RECIPE)
FEW = AttributionLimits(first_stretches=3, max_gradients=4, doublings=0)
QUICK = Policy(request=SaliencyRequest(limits=FEW, versions=2))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = Mome(SMALL)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network.freeze()
    read_by = calibrated(endpoints=[head.endpoint for head in SMALL.answers])
    return Checkpoint(network, SMALL, RECIPE, (read_by,), ModelIdentity("test", "1", "0" * 64, "Knows nothing."), {})


@pytest.fixture(scope="module")
def case() -> Case:
    return phantom.examination().case()


def test_a_case_becomes_scores_contributions_and_saliency_on_its_own_grids(checkpoint: Checkpoint, case: Case) -> None:
    stages: list[str] = []
    result = analyze(case, checkpoint, QUICK, lambda stage, done, planned: stages.append(stage))
    assert not result.withheld
    assert result.modalities_used == tuple(Modality)
    for score in result.scores:
        assert score.estimator.versions == 8
        assert score.base_probability is not None and score.probability is not None
        shares = sum(contribution.value for contribution in score.contributions)
        assert score.base_probability + shares == pytest.approx(score.probability, abs=1e-6)
    assert {(s.endpoint, s.modality) for s in result.saliency} == {
        (h.endpoint, m) for h in SMALL.answers for m in Modality
    }
    source = {Modality.DCE: case.dce, Modality.DWI: case.dwi, Modality.T2: case.t2}
    for saliency in result.saliency:
        origin = source[saliency.modality]
        assert origin is not None
        assert saliency.volume.voxels.shape == origin.voxels.shape[-3:]
        np.testing.assert_array_equal(saliency.volume.affine, origin.affine)
        assert np.abs(saliency.volume.voxels).max() > 0
        assert (saliency.method, saliency.baseline, saliency.steps) == ("integrated gradients", "blur", 8)
        assert saliency.versions == 2
    assert set(result.timings_s) == {"prepare", "scores", "saliency"}
    assert list(dict.fromkeys(stages)) == ["prepare", "scores", "saliency"]


def test_a_case_without_dce_is_answered_from_the_rest_the_same_bits_every_time(
    checkpoint: Checkpoint, case: Case
) -> None:
    rest = replace(case, dce=None)
    first, second = (analyze(rest, checkpoint, QUICK) for _ in range(2))
    assert Modality.DCE in first.modalities_missing
    assert Modality.DCE not in {contribution.modality for contribution in first.scores[0].contributions}
    assert first.scores == second.scores
    for one, other in zip(first.saliency, second.saliency, strict=True):
        np.testing.assert_array_equal(one.volume.voxels, other.volume.voxels)


def test_a_flag_that_withholds_gives_its_reason_and_no_number(checkpoint: Checkpoint, case: Case) -> None:
    strict = replace(RECIPE, quality=replace(RECIPE.quality, withhold=("MISSING_DCE",)))
    result = analyze(replace(case, dce=None), replace(checkpoint, recipe=strict), QUICK)
    assert (result.scores, result.saliency) == ((), ())
    assert "no DCE series" in result.withheld


def test_modalities_that_may_not_be_scored_give_their_reason_and_no_map(checkpoint: Checkpoint, case: Case) -> None:
    silent = calibrations(withheld=[(Modality.DWI, Modality.T2)])
    strict = replace(checkpoint, estimators=(calibrated(endpoints=checkpoint.endpoints, of=silent),))
    result = analyze(replace(case, dce=None), strict, QUICK)
    assert [each.probability for each in result.scores] == [None, None]
    assert (result.saliency, result.withheld_code) == ((), WithheldCode.NOT_TOLD_APART)
    assert "DWI + T2" in result.withheld


def test_a_score_that_depends_on_the_placement_of_the_images_is_flagged(
    checkpoint: Checkpoint, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MOST_SPREAD", 0.0)
    flags = analyze(case, checkpoint, replace(QUICK, saliency=False)).flags
    assert [flag.code for flag in flags].count("UNSTABLE") == len(SMALL.answers)


def test_an_empty_case_is_ineligible(checkpoint: Checkpoint) -> None:
    with pytest.raises(StudyIneligible):
        analyze(Case(), checkpoint, QUICK)


def test_two_bundles_answer_a_case_together_as_each_does_alone(
    checkpoint: Checkpoint, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(QUICK, contributions=False, saliency=False)
    both = [ActiveModel(of_one(checkpoint, head), plain) for head in SMALL.answers]
    alone = tuple(analyze(case, each.checkpoint, plain).scores[0] for each in both)
    recipes: list[Recipe] = []
    monkeypatch.setattr(inference, "prepare", lambda case, recipe, _: recipes.append(recipe) or prepare(case, recipe))
    assert analyze_together(case, both).scores == alone
    assert recipes == [RECIPE.of_arrays], "both recipes give the same arrays"


def test_a_bundle_that_cannot_analyse_a_case_is_named_beside_the_others_answer(
    checkpoint: Checkpoint, case: Case
) -> None:
    plain = replace(QUICK, contributions=False, saliency=False)
    picky = replace(RECIPE, breast=replace(RECIPE.breast, smallest_breast_ml=1e6))
    able, unable = (ActiveModel(of_one(checkpoint, head), plain) for head in SMALL.answers)
    unable = replace(unable, checkpoint=replace(unable.checkpoint, recipe=picky))
    result = analyze_together(case, [able, unable])
    assert [each.endpoint for each in result.scores] == [Endpoint.MALIGNANCY]
    (flag,) = [each for each in result.flags if each.code == "NOT_ANSWERED"]
    assert flag.message.startswith("Not answered: triple-negative subtype (no breast was found")
    with pytest.raises(StudyIneligible, match="no breast"):
        analyze_together(case, [unable, unable])


def of_one(checkpoint: Checkpoint, head: Head) -> Checkpoint:
    """A checkpoint that answers one endpoint only, with the same weights."""
    network = Mome(replace(SMALL, answers=(head,)))
    network.load_state_dict(
        {name: value for name, value in checkpoint.network.state_dict().items() if name in network.state_dict()}
    )
    network.freeze()
    read_by = calibrated(endpoints=[head.endpoint])
    return replace(checkpoint, network=network, architecture=network.architecture, estimators=(read_by,))
