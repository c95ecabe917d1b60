"""What a network is asked, and where a case says the answer.

Every endpoint is yes or no. The molecular subtype is one of four classes, of which the last is triple-negative: a
network with that head answers the endpoint triple-negative by it (paper, Methods: subtyping).
"""

from __future__ import annotations

from collections.abc import Sequence

from mome_core.model.architecture import SUBTYPE, Head
from mome_core.results import Endpoint
from mome_core.training.cohort import SUBTYPE_COLUMN
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused


def heads_named(names: Sequence[str]) -> tuple[Head, ...]:
    """A head for each name: an endpoint, or `molecular_subtype`; TrainingRefused for an unknown one, or two of one."""
    known = {endpoint.value: Head(endpoint) for endpoint in Endpoint} | {SUBTYPE_COLUMN: SUBTYPE}
    for name in names:
        if name not in known:
            raise TrainingRefused(f"there is no endpoint '{name}'; there are {', '.join(known)}")
    heads = tuple(known[name] for name in names)
    if not heads or len({head.endpoint for head in heads}) < len(heads):
        raise TrainingRefused(f"name each endpoint once ({SUBTYPE_COLUMN} answers triple_negative), got {list(names)}")
    return heads


def target_of(head: Head, example: Example) -> int | None:
    """The class that a head should answer for a case; None where the case does not say."""
    return example.subtype if head.classes == SUBTYPE.classes else example.labels.get(head.endpoint)


def with_target(head: Head, examples: Sequence[Example]) -> list[int]:
    """Which of the cases a head can learn from or be measured on, by their numbers."""
    return [n for n, example in enumerate(examples) if target_of(head, example) is not None]
