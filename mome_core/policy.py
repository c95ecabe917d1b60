"""How an answer is computed and explained on a device: all that cannot change the number (`estimator` does)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mome_core.compute import Arithmetic, arithmetic_of, backend_of, device_of
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.reported import SaliencyRequest
from mome_core.explain.saliency import Method
from mome_core.model.mome import Mome


@dataclass(frozen=True, slots=True)
class Policy:
    """How an answer is computed; the result states it.

    Parameters
    ----------
    arithmetic
        Precision and memory of the scores; changes them by no more than 0.005.
    contributions, saliency
        Whether they are computed.
    request
        How the saliency is computed.
    """

    arithmetic: Arithmetic = field(default_factory=Arithmetic)
    contributions: bool = True
    saliency: bool = True
    request: SaliencyRequest = field(default_factory=SaliencyRequest)

    def __str__(self) -> str:
        parts = [str(self.arithmetic.precision)]
        parts += [str(self.request)] if self.saliency else []
        return "; ".join(parts)


def default_policy(network: Mome, *, sharers: int = 1) -> Policy:
    """What the network's size and device allow, where so many processes share the memory of the device.

    A large network on a CPU is explained by gradient x input of one version, the middle one, instead of integrated
    gradients of eight. On a GPU scores are bfloat16, within 0.005 of float32.
    """
    backend = backend_of(device_of(network))
    arithmetic = arithmetic_of(network)
    arithmetic = replace(arithmetic, memory_gib=arithmetic.memory_gib / sharers)
    limits = AttributionLimits(memory_gib=backend.explanation_memory_gib / sharers)
    policy = Policy(arithmetic=arithmetic, request=SaliencyRequest(limits=limits))
    voxels = sum(int(np.prod(shape)) for shape in network.volume_shapes.values())
    if backend.largest_full_input is not None and voxels > backend.largest_full_input:
        return replace(policy, request=SaliencyRequest(Method.GRADIENT_TIMES_INPUT, limits=limits, versions=1))
    return policy
