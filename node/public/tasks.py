"""What can be reproduced from public data alone: a set to learn from, an external test, and what to expect."""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import NodeError


@dataclass(frozen=True, slots=True)
class PublicTask:
    """A question, with the collections that teach and test it.

    Parameters
    ----------
    endpoint
        Column of the cohort.
    expectation
        What others reached on these data, with its source; no promise of ours.
    """

    name: str
    endpoint: str
    training: str
    external: str
    expectation: str


TASKS = {
    each.name: each
    for each in (
        PublicTask(
            "malignancy",
            "malignancy",
            "advanced_mri_breast_lesions",
            "breast_diagnosis",
            "lesions of AMBL: AUROC 0.92 (arXiv 2509.26440); patients: 0.80 to 0.90 would be good",
        ),
        PublicTask(
            "pcr",
            "pathological_complete_response",
            "ispy2",
            "acrin_6698",
            "the paper's own data: AUROC 0.694; external tests of others lie below (arXiv 2603.01250)",
        ),
        PublicTask("tnbc", "triple_negative", "ispy2", "acrin_6698", "the paper's own data: AUROC 0.709"),
        PublicTask("tnbc-duke", "triple_negative", "duke_breast_cancer_mri", "ispy1", "AUROC 0.60 to 0.70 from DCE"),
    )
}


def task_named(name: str) -> PublicTask:
    """The task of that name; NodeError names those that there are."""
    if name not in TASKS:
        raise NodeError(f"'{name}' is no task; there are {', '.join(TASKS)}")
    return TASKS[name]
