"""What training does to a case before the network sees it: random place in the padding, mirror image, missing modality.

The steps of the released code (data/augmentation.py): offsets independent for each modality, one flip for all of them.
Ours, when the config asks: artefacts of the scanner, drawn for each modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.preprocessing.pad import Offset, fit, flip, pad, pad_at, spatial
from mome_core.preprocessing.recipe import Recipe, Size
from mome_core.training.artefacts import with_artefact
from mome_core.training.config import TrainingConfig

_Arrays = Mapping[Modality, NDArray[np.float32]]


def augment(arrays: _Arrays, recipe: Recipe, config: TrainingConfig, rng: np.random.Generator) -> _Arrays:
    """Padded arrays (channel, axis0, axis1, slice) of one case, another version at each draw."""
    mirrored = config.flips.axes[rng.integers(len(config.flips.axes))]
    versions: dict[Modality, NDArray[np.float32]] = {}
    for modality, array in arrays.items():
        size = recipe.size(modality)
        fitting = fit(array, size)
        if config.artefacts and rng.random() < config.artefacts:
            fitting = with_artefact(fitting, rng)
        offset = _random_offset(spatial(fitting), size, rng)
        padded = pad_at(fitting, size, offset) if config.random_padding else pad(fitting, size)
        versions[modality] = np.ascontiguousarray(flip(padded, mirrored), dtype=np.float32)
    return versions


def centred(arrays: _Arrays, recipe: Recipe) -> _Arrays:
    """Padded arrays as validation and testing see them: in the centre, not mirrored."""
    return {m: np.ascontiguousarray(pad(fit(a, recipe.size(m)), recipe.size(m)), np.float32) for m, a in arrays.items()}


def kept_modalities(present: Sequence[Modality], dropout: float, rng: np.random.Generator) -> tuple[Modality, ...]:
    """The modalities that this training pass keeps: each is left out with probability `dropout`, never all."""
    kept = tuple(modality for modality in present if rng.random() >= dropout)
    return kept or (present[int(rng.integers(len(present)))],)


def _random_offset(shape: Size, size: Size, rng: np.random.Generator) -> Offset:
    """Where an array of `shape` begins in a padding of `size`, each place equally likely."""
    i, j, k = (int(rng.integers(target - n + 1)) for n, target in zip(shape, size, strict=True))
    return i, j, k
