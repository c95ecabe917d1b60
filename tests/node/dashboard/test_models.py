"""The models page: whose scores, how they are distributed, what the manifest says."""

from __future__ import annotations

import time

from mome_core.results import Endpoint
from node.dashboard.models import distribution, model_card, model_in_use, models_in_use, scores_by_model
from node.dashboard.site import Site
from node.summary import AnalysisSummary, ModelSummary, ScoreSummary

MALIGNANCY = Endpoint.MALIGNANCY


def summary(probability: float, sha256: str = "a" * 64) -> AnalysisSummary:
    model = ModelSummary("demo", "1", sha256)
    return AnalysisSummary(scores=(ScoreSummary(MALIGNANCY, probability, 0.5, 0.0, 1, {}, 0.5, model),))


def test_scores_are_gathered_by_the_weights_that_gave_them() -> None:
    found = scores_by_model([summary(0.1), summary(0.9), summary(0.4, "b" * 64), AnalysisSummary(reason="no DCE")])
    assert {digest: each.probabilities[MALIGNANCY] for digest, each in found.items()} == {
        "a" * 64: [0.1, 0.9],
        "b" * 64: [0.4],
    }


def test_a_distribution_counts_tenths_and_one_lies_in_the_last() -> None:
    found = distribution([0.0, 0.05, 0.95, 1.0])
    assert (found.answers, found.median, found.bins) == (4, 0.5, (2, 0, 0, 0, 0, 0, 0, 0, 0, 2))


def test_a_shift_needs_enough_scores_on_both_sides() -> None:
    low, high = scores_by_model([summary(0.1)] * 20)["a" * 64], scores_by_model([summary(0.9)] * 20)["a" * 64]
    few = scores_by_model([summary(0.9)] * 5)["a" * 64]
    assert model_in_use("active", {}, "a" * 64, high, low).shift[MALIGNANCY] > 1
    assert model_in_use("active", {}, "a" * 64, few, low).shift == {}


def test_the_active_model_is_first_and_an_earlier_one_is_named_by_its_scores(site: Site) -> None:
    active, earlier = models_in_use(site, time.time())
    assert (active.role, active.name, active.month) == ("active", "demo", {})
    assert (earlier.role, earlier.name, earlier.sha256) == ("earlier", "demo", "a" * 64)
    assert active.card.statement.startswith("Demo model")
    assert len(active.card.calibrations) == 7


def test_a_manifest_that_could_not_be_read_has_an_empty_card() -> None:
    card = model_card({})
    assert (card.statement, list(card.facts), list(card.calibrations)) == ("", [], [])
