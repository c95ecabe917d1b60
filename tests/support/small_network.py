"""An architecture so small that an explanation of it takes milliseconds."""

from __future__ import annotations

from mome_core.model.architecture import Architecture

SMALL = Architecture(
    width=24,
    heads=2,
    ffn_width=32,
    layers=3,
    sparse_layers=2,
    adapter_width=8,
    soft_experts=4,
    stem_widths=(4, 8),
    dce_channels=3,
    dce_grid=(2, 2, 1),
    dwi_grid=(1, 2, 1),
    t2_grid=(2, 1, 1),
)
