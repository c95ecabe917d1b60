"""Which numbers of two visits may stand beside each other as if they were comparable, and which not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mome_core.results import Endpoint
from mome_core.visits import Incomparable, Visit, VisitScore, acquisition_digest, compared

FACTS = {"vendor": "SIEMENS", "model": "Skyra", "field_strength_t": 3.0, "repetition_ms": 4.11, "flip_degrees": 10.0}
SCORE = VisitScore(Endpoint.MALIGNANCY, 0.7, "model A")
NOW = Visit("20250602", (SCORE,), 6.2, 150.0, 0.9, "L saliency-peak", acquisition="abc", diffusion="50,800")
BEFORE = replace(NOW, date="20250314", volume_ml=8.1)


def test_visits_of_one_protocol_and_one_model_stand_by_date_with_the_present_one_last() -> None:
    older = replace(BEFORE, date="20240101")
    found = compared(NOW, [BEFORE, older])
    assert [each.date for each in found] == ["20240101", "20250314", "20250602"]
    assert [each.is_present for each in found] == [False, False, True]
    assert not any(each.measured_apart or each.scored_apart for each in found)


@pytest.mark.parametrize(
    ("change", "measured", "scored"),
    [
        ({"acquisition": "xyz"}, (Incomparable.OTHER_PROTOCOL,), ()),
        ({"diffusion": ""}, (Incomparable.OTHER_PROTOCOL,), ()),
        ({"rules": 0}, (Incomparable.OTHER_RULES,), ()),
        ({"place": "R saliency-peak"}, (Incomparable.OTHER_PLACE,), ()),
        ({"place": "L strongest-enhancement"}, (Incomparable.OTHER_PLACE,), ()),
        ({"scores": (replace(SCORE, made_by="model B"),)}, (), (Incomparable.OTHER_MODEL,)),
        ({"scores": (replace(SCORE, modalities="DCE"),)}, (), (Incomparable.OTHER_SEQUENCES,)),
        ({"scores": (VisitScore(Endpoint.TRIPLE_NEGATIVE, 0.3, "model B"),)}, (), ()),
        ({"volume_ml": None, "place": "", "acquisition": "xyz"}, (), ()),
    ],
)
def test_what_is_not_comparable_says_why(change: dict[str, object], measured: tuple, scored: tuple) -> None:
    first, _ = compared(NOW, [replace(BEFORE, **change)])
    assert (first.measured_apart, first.scored_apart) == (measured, scored)


def test_without_an_earlier_number_there_is_nothing_to_show() -> None:
    silent = Visit("20250101", (VisitScore(Endpoint.MALIGNANCY, None, "model A"),))
    assert compared(NOW, []) == compared(NOW, [silent]) == ()


def test_a_dynamic_that_was_acquired_alike_has_the_same_digest() -> None:
    same = acquisition_digest(FACTS, (0.8, 0.8, 1.6), 6)
    assert acquisition_digest(FACTS | {"repetition_ms": 4.13, "software": "XA30"}, (0.81, 0.8, 1.6), 6) == same
    for change in ({"model": "Vida"}, {"field_strength_t": 1.5}, {"flip_degrees": 15.0}, {"repetition_ms": 5.0}):
        assert acquisition_digest(FACTS | change, (0.8, 0.8, 1.6), 6) != same
    assert acquisition_digest(FACTS, (0.8, 0.8, 2.0), 6) != same != acquisition_digest(FACTS, (0.8, 0.8, 1.6), 5)


def test_a_visit_survives_the_ledger() -> None:
    (found, _) = compared(NOW, [replace(BEFORE, acquisition="xyz", scores=(replace(SCORE, made_by="model B"),))])
    assert Visit.from_json(found.to_json()) == found
