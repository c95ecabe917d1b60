"""What the quality flags ask of a case is kept as plain values, and judged the same after it was kept."""

from __future__ import annotations

import json
from dataclasses import replace

import phantom
from mome_core.case import Modality
from mome_core.preprocessing.input_facts import InputFacts, facts_of
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.quality import assess
from mome_core.preprocessing.recipe import QualityLimits
from training_examples import RECIPE


def test_facts_survive_json_and_raise_the_same_flags() -> None:
    case = phantom.examination(seed=50).case()
    facts = facts_of(case, prepare(case, RECIPE))
    assert facts.acquired == facts.used == tuple(Modality) and facts.post_phases == case.dce.phase_count - 1  # type: ignore[union-attr]
    kept = InputFacts.from_json(json.loads(json.dumps(facts.to_json())))
    assert kept == facts
    strict = replace(RECIPE, quality=QualityLimits(least_enhancement=1e6, withhold=("NO_CONTRAST_UPTAKE",)))
    assert assess(kept, strict) == assess(facts, strict)
    assert "NO_CONTRAST_UPTAKE" in {flag.code for flag in assess(kept, strict)}
    assert "NO_CONTRAST_UPTAKE" not in {flag.code for flag in assess(kept, RECIPE)}


def test_a_case_without_dce_has_no_phases() -> None:
    case = replace(phantom.examination(seed=50).case(), dce=None)
    facts = facts_of(case, prepare(case, RECIPE))
    assert (facts.post_phases, facts.times_s, facts.enhancement) == (None, (), ())
    assert {flag.code for flag in assess(facts, RECIPE)} >= {"MISSING_DCE"}
