"""Prepared cases so small that a network learns them in seconds: noise, with a bright block where the label is 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mome_core.case import Modality
from mome_core.model.architecture import Architecture
from mome_core.model.mome import Mome
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.preprocessing.recipe import Recipe, TrainingRange
from mome_core.results import Endpoint
from mome_core.training.config import Parts, TrainingConfig
from mome_core.training.dataset import Example, keep_arrays
from mome_core.training.start import from_scratch
from mome_core.training.task import Task

RECIPE = Recipe(
    dce_size=(32, 16, 16),
    dwi_size=(16, 16, 16),
    t2_size=(16, 16, 16),
    dce_phases=2,
    t2_resize=(32, 32, 16),  # a phantom's breasts then keep nine slices, which the paper's 384 would squeeze into one
)
SMALL = Architecture(
    width=16, heads=2, ffn_width=16, layers=2, sparse_layers=1, adapter_width=8, soft_experts=2, stem_widths=(4, 4)
).for_recipe(RECIPE)
QUICK = TrainingConfig(
    epochs=3, batch_size=2, accumulation=2, learning_rate=3e-3, parts=Parts.EVERYTHING, modality_dropout=0.3
)


def examples(
    folder: Path, count: int, first: int = 0, modalities: tuple[Modality, ...] = tuple(Modality)
) -> list[Example]:
    """Noise, with a bright block where the label is 1."""
    made = []
    for seed in range(first, first + count):
        rng, label = np.random.default_rng(seed), seed % 2
        arrays: dict[Modality, np.ndarray] = {}
        for modality in modalities:
            i, j, k = (n - 2 for n in RECIPE.size(modality))
            arrays[modality] = rng.normal(size=(RECIPE.channels(modality), i, j, k)).astype(np.float32)
            arrays[modality][:, 4:9, 4:9, 4:9] += 4.0 * label
        path = folder / f"{seed}.safetensors"
        if not path.exists():
            keep_arrays(path, arrays, TrainingRange(field_strength_t=(1.5, 1.5 + seed)))
        made.append(
            Example(
                f"case {seed}",
                f"patient {seed}",
                {Endpoint.MALIGNANCY: label},
                path,
                InputFacts.of_modalities(modalities),
            )
        )
    return made


def task(folder: Path, config: TrainingConfig = QUICK, network: Mome | None = None) -> Task:
    network = network or from_scratch(SMALL, seed=1)
    return Task(network, RECIPE, examples(folder, 8), examples(folder, 4, first=100), config)
