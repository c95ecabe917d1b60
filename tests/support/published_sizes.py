"""Sizes of a network in the published layout that is imported in a moment."""

from __future__ import annotations

from benchmarks.baseline.layout import Sizes

SMALL_SIZES = Sizes(
    width=32,
    heads=4,
    ffn_width=48,
    layers=3,
    sparse_layers=2,
    adapter_width=8,
    experts=4,
    stem=(4, 8),
    dce_channels=2,
    tokens=(8, 2, 4),
)
