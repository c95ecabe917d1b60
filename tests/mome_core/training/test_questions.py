"""What a network is asked, and where a case says the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.case import Modality
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.results import Endpoint
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.questions import heads_named, target_of, with_target


def example(subtype: int | None = None, **labels: int) -> Example:
    of = {Endpoint(name): label for name, label in labels.items()}
    return Example("c", "p", of, Path("x"), InputFacts.of_modalities([Modality.T2]), subtype=subtype)


def test_heads_are_named_by_endpoints_and_the_subtype_has_four_classes() -> None:
    malignancy, subtype = heads_named(["malignancy", "molecular_subtype"])
    assert (malignancy.endpoint, malignancy.classes) == (Endpoint.MALIGNANCY, 2)
    assert (subtype.endpoint, subtype.classes, subtype.positive_class) == (Endpoint.TRIPLE_NEGATIVE, 4, 3)


@pytest.mark.parametrize(
    "names", [["cancer"], [], ["malignancy", "malignancy"], ["triple_negative", "molecular_subtype"]]
)
def test_unknown_and_double_questions_are_refused(names: list[str]) -> None:
    with pytest.raises(TrainingRefused, match=r"there is no endpoint 'cancer'|name each endpoint once"):
        heads_named(names)


def test_a_case_teaches_the_heads_that_it_has_an_answer_for() -> None:
    malignancy, subtype = heads_named(["malignancy", "molecular_subtype"])
    (binary,) = heads_named(["triple_negative"])
    cases = [example(malignancy=1), example(2, malignancy=1, triple_negative=0), example(triple_negative=1)]
    assert with_target(malignancy, cases) == [0, 1]
    assert with_target(subtype, cases) == [1]
    assert with_target(binary, cases) == [1, 2]
    assert (target_of(subtype, cases[1]), target_of(binary, cases[1])) == (2, 0)
