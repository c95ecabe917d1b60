"""Readers beside the model on the cases they read: at one BI-RADS category from which on a case is called malignant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mome_core.training.answers import Answers
from mome_core.training.cohort import READER
from mome_core.training.errors import TrainingRefused
from mome_core.training.levels import rating_of
from mome_core.training.metrics import auroc, call_metrics
from mome_core.training.resampling import Draws, Resampled, resample
from mome_core.training.statistics import Comparison, Interval

_COMPARED = ("auroc", "f1", "mcc", "sensitivity", "specificity")


class ReaderCut(StrEnum):
    """The BI-RADS category from which on a reader's rating is a positive call."""

    THREE = "3"
    FOUR = "4"
    FOUR_A = "4a"
    FOUR_B = "4b"  # the paper's reader study
    FOUR_C = "4c"
    FIVE = "5"

    @property
    def rating(self) -> float:
        """As `rating_of` writes it."""
        return _rating("reader cut", self.value)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader and the model on the same cases.

    Parameters
    ----------
    name
        Of the manifest's column, without `reader_`.
    without_letter
        Ratings of a plain 4 where the cut lies within category 4: they count as below it.
    of_reader, of_model
        AUROC, F1, MCC, sensitivity and specificity.
    differences
        The model's minus the reader's.
    """

    name: str
    cases: int
    positive: int
    without_letter: int
    of_reader: Mapping[str, Interval]
    of_model: Mapping[str, Interval]
    differences: Mapping[str, Comparison]


def against_readers(
    answers: Answers,
    ratings: Mapping[str, Sequence[str]],
    cut: ReaderCut = ReaderCut.FOUR_B,
    *,
    repeats: int = 1000,
    seed: int = 1,
) -> list[Reader]:
    """Each reader who rated cases of both classes; TrainingRefused for a rating that is not a number.

    Parameters
    ----------
    ratings
        By column, the BI-RADS category or probability of each case; empty where it was not read.
    """
    found = []
    for column, values in ratings.items():
        read = np.array([bool(value) for value in values]) & answers.answered
        given = np.array([_rating(column, value) for value, chosen in zip(values, read, strict=True) if chosen])
        of_read = answers.of(read)
        if of_read.both_classes:
            found.append(_compared(column.removeprefix(READER), of_read, given, cut, of_read.draws(repeats, seed)))
    return found


def _compared(name: str, model: Answers, given: NDArray[np.float64], cut: ReaderCut, draws: Draws) -> Reader:
    """One reader's ratings of some cases, and the model's answers to the same."""
    truth = model.truth
    categories = given.max() > 1
    calls = given >= (cut.rating if categories else 0.5)

    def measured(scores: NDArray[np.float64], called: NDArray[np.bool_]) -> Resampled:
        return resample(
            lambda i: {"auroc": auroc(truth[i], scores[i]), **call_metrics(truth[i], called[i])}, len(truth), draws
        )

    person, ours = measured(given, calls), measured(model.probability, model.called)
    return Reader(
        name=name,
        cases=len(truth),
        positive=int(truth.sum()),
        without_letter=int((given == 4).sum()) if categories and 4 < cut.rating < 5 else 0,
        of_reader={each: person.interval(each) for each in _COMPARED},
        of_model={each: ours.interval(each) for each in _COMPARED},
        differences={each: ours.against(person, each) for each in _COMPARED},
    )


def _rating(column: str, text: str) -> float:
    """A reader's rating; TrainingRefused names what is none."""
    rating = rating_of(text)
    if rating is None:
        raise TrainingRefused(f"{column}: '{text}' is not a rating; write a number or a BI-RADS category")
    return rating
