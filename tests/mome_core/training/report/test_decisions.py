"""Decision curves, and the BI-RADS 4 findings with the operating point chosen elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from measured_models import measured
from mome_core.training.measured import Measured
from mome_core.training.report.decisions import category_four, decisions


@pytest.fixture(scope="module")
def evaluation() -> Measured:
    return measured()


def test_acting_sparing_and_the_difference_are_drawn(evaluation: Measured) -> None:
    shown = decisions(evaluation.sets[0], "resnet34-dce")
    assert shown.count("<svg") == 3
    assert all(words in shown for words in ("Acting, internal", "Sparing, internal", "everyone", "no one"))
    alone = measured(("ours",), "", sets=1)
    assert decisions(alone.sets[0], "").count("<svg") == 2


def test_the_chosen_point_is_told_with_counts_and_intervals(evaluation: Measured) -> None:
    found = evaluation.sets[0]
    shown = category_four(found, "resnet34-dce", "validation")
    for model in found.models:
        four = model.category_four
        assert four is not None and four.downgrade is not None
        assert f"{four.downgrade.spared.count} of {four.downgrade.spared.of}" in shown
        assert f"{four.downgrade.missed.count} of {four.downgrade.missed.of}" in shown
    assert "kept on validation" in shown and "Exact 95 % intervals" in shown
    assert shown.count("<svg") == 3


def test_without_a_point_it_says_so_and_without_such_findings_nothing(evaluation: Measured) -> None:
    found = evaluation.sets[0]
    fours = [model.category_four for model in found.models]
    unchosen = tuple(
        replace(m, category_four=replace(four, downgrade=None))
        for m, four in zip(found.models, fours, strict=True)
        if four
    )
    assert "No operating point" in category_four(replace(found, models=unchosen), "resnet34-dce", "")
    none = tuple(replace(m, category_four=None) for m in found.models)
    assert category_four(replace(found, models=none), "resnet34-dce", "") == ""
