"""How an answer is computed: which versions of a case are averaged, in which precision, and how it is explained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from mome_core.compute import Precision, backend_of, device_of
from mome_core.explain.baselines import Baseline
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.saliency import Method
from mome_core.model.mome import Mome
from mome_core.preprocessing.pad import CENTRE, FLIP_GROUP, FLIPS, PLACEMENTS, Axes, Placement


class Augmentation(StrEnum):
    """Which versions of a case are scored and averaged."""

    NONE = "none"
    FLIPS = "flips"
    PUBLISHED = "published"
    FULL_GROUP = "full group"


VERSIONS: dict[Augmentation, tuple[tuple[Placement, ...], tuple[Axes, ...], str]] = {
    Augmentation.NONE: ((CENTRE,), ((),), "one centred, unflipped version"),
    Augmentation.FLIPS: ((CENTRE,), FLIP_GROUP, "8 versions: centred, every combination of flips"),
    Augmentation.PUBLISHED: (PLACEMENTS, FLIPS, "54 versions as published: 9 placements x 6 flips, none unflipped"),
    Augmentation.FULL_GROUP: (PLACEMENTS, FLIP_GROUP, "72 versions: 9 placements x every combination of flips"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How an answer is computed; the result states it.

    Parameters
    ----------
    mean_of_log_odds
        Average log odds over the versions instead of probabilities (the paper averages the latter).
    contributions, saliency
        Whether they are computed.
    method, baseline, limits
        Of the saliency.
    memory_gib
        For the versions of one pass; as many as fit go through the network together.
    """

    augmentation: Augmentation = Augmentation.PUBLISHED
    precision: Precision = Precision.FLOAT32
    mean_of_log_odds: bool = False
    contributions: bool = True
    saliency: bool = True
    method: Method = Method.INTEGRATED_GRADIENTS
    baseline: Baseline = Baseline.BLUR
    limits: AttributionLimits = field(default_factory=AttributionLimits)
    memory_gib: float = 4.0

    def __post_init__(self) -> None:
        if self.memory_gib <= 0:
            raise ValueError(f"memory_gib must be positive, got {self.memory_gib}")

    def __str__(self) -> str:
        parts = [VERSIONS[self.augmentation][2], str(self.precision)]
        parts += ["mean of log odds"] if self.mean_of_log_odds else ["mean of probabilities"]
        if self.saliency:
            start = f" from {self.baseline}" if self.method is Method.INTEGRATED_GRADIENTS else ""
            parts.append(f"{self.method}{start}")
        return "; ".join(parts)


def default_policy(network: Mome) -> Policy:
    """What the network's size and device allow: everything as published, or the cheaper policy for a CPU.

    A large network on a CPU gets 8 versions instead of 54 and gradient x input instead of integrated gradients, which
    together are 12 passes instead of 100 or more. On a GPU scores are bfloat16, within 0.005 of float32.
    """
    backend = backend_of(device_of(network))
    policy = Policy(
        precision=backend.precision,
        memory_gib=backend.score_memory_gib,
        limits=AttributionLimits(memory_gib=backend.explanation_memory_gib),
    )
    voxels = sum(int(np.prod(shape)) for shape in network.volume_shapes.values())
    if backend.largest_full_input is not None and voxels > backend.largest_full_input:
        return replace(policy, augmentation=Augmentation.FLIPS, method=Method.GRADIENT_TIMES_INPUT)
    return policy
