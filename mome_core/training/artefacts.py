"""What MR scanners do to images now and then, drawn at random for training: TorchIO's transforms (extra `train`)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mome_core.training.errors import TrainingRefused

_Array = NDArray[np.float32]


def with_artefact(array: _Array, rng: np.random.Generator) -> _Array:
    """The array (channel, axis0, axis1, slice) with a bias field, ghosts, motion or noise; the same in all channels.

    Its darkest value counts as no signal, because these effects act on signal and prepared arrays are standardised.
    """
    floor = array.min()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        changed = artefacts()(torch.from_numpy(array - floor))
    return np.asarray(changed.numpy() + floor, np.float32)


@cache
def artefacts() -> Any:
    """One of four transforms, equally likely and rather weak; TrainingRefused when TorchIO is not installed."""
    try:
        import torchio
    except ImportError:
        raise TrainingRefused("artefacts need TorchIO: pip install 'mome-node[train]', or set artefacts = 0") from None
    return torchio.OneOf(
        [
            torchio.RandomBiasField(coefficients=0.3),
            torchio.RandomGhosting(num_ghosts=(2, 6), intensity=(0.1, 0.5)),
            torchio.RandomMotion(degrees=3, translation=3, num_transforms=1),
            torchio.RandomNoise(std=(0.0, 0.15)),
        ]
    )
