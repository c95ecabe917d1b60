"""A patient's visits as rows and lines: numbers with units, and what is not comparable, in every language."""

from __future__ import annotations

import pytest

from mome_core.results import Endpoint
from mome_core.visits import Incomparable, Visit, VisitScore
from sr_templates.dicom.visit_words import visit_rows, visit_sentences
from sr_templates.languages.words import Language, words_of

SCORE = VisitScore(Endpoint.MALIGNANCY, 0.83, "A")
VISITS = (
    Visit(
        "20250314",
        (SCORE,),
        6.24,
        151.4,
        0.9,
        measured_apart=(Incomparable.OTHER_PROTOCOL, Incomparable.OTHER_PLACE),
        scored_apart=(Incomparable.OTHER_MODEL,),
    ),
    Visit("20250602", (VisitScore(Endpoint.MALIGNANCY, None, "B"),), is_present=True),
)


def test_each_visit_is_a_row_and_what_it_lacks_a_dash() -> None:
    _, first, second = visit_rows(VISITS)
    assert first == [
        *("2025-03-14", "6.2 ml", "+151 %", "0.90", "83 %"),
        "measurements not comparable: other protocol, other breast or point; scores not comparable: other model",
    ]
    assert second == ["2025-06-02", "-", "-", "-", "-", "this study"]
    assert visit_rows(()) == [] and list(visit_sentences(())) == []


def test_a_line_names_each_number_and_leaves_out_what_is_not_there() -> None:
    first, second = visit_sentences(VISITS)
    assert first.startswith("2025-03-14: Enhancing tissue 6.2 ml, Initial uptake +151 %, ADC (10⁻³ mm²/s) 0.90, Malig")
    assert second == "2025-06-02:  (this study)".replace("  ", " ")


@pytest.mark.parametrize("language", Language)
def test_every_language_has_as_many_columns_and_judges_nothing(language: Language) -> None:
    rows = visit_rows(VISITS, words_of(language))
    assert {len(row) for row in rows} == {6} and rows[1][-1]
