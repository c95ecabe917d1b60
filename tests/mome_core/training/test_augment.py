"""What training does to a case before the network sees it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mome_core.case import Modality
from mome_core.training.augment import augment, kept_modalities
from training_examples import QUICK, RECIPE


def test_augmentation_mirrors_all_modalities_alike_and_keeps_every_voxel() -> None:
    arrays = {m: np.ones((RECIPE.channels(m), 5, 6, 7), np.float32) for m in Modality}
    versions = augment(arrays, RECIPE, QUICK, np.random.default_rng(0))
    for modality, version in versions.items():
        assert version.shape[1:] == RECIPE.size(modality)
        assert version.sum() == arrays[modality].sum()


def test_artefacts_change_a_case_and_are_drawn_from_the_pass_alone() -> None:
    rng = np.random.default_rng(1)
    arrays = {m: rng.normal(size=(RECIPE.channels(m), 12, 12, 12)).astype(np.float32) for m in Modality}
    clean, first, again, other = (
        augment(arrays, RECIPE, replace(QUICK, artefacts=share), np.random.default_rng(seed))
        for share, seed in ((0.0, 7), (1.0, 7), (1.0, 7), (1.0, 8))
    )
    for modality in Modality:
        assert np.isfinite(first[modality]).all() and first[modality].dtype == np.float32
        assert np.array_equal(first[modality], again[modality])
        assert not np.array_equal(np.sort(first[modality].ravel()), np.sort(clean[modality].ravel()))
        assert not np.array_equal(first[modality], other[modality])


def test_modality_dropout_never_drops_all() -> None:
    rng = np.random.default_rng(0)
    assert {len(kept_modalities(tuple(Modality), 0.9, rng)) for _ in range(200)} >= {1, 2}
