"""The tensors of a published file by name, and files that are not opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from mome_core.errors import CheckpointRefused
from mome_core.model.published_keys import read_keys


def test_a_file_that_unpacks_to_more_than_itself_is_not_opened(tmp_path: Path) -> None:
    stored, packed = tmp_path / "stored.pth", tmp_path / "packed.pth"
    torch.save({"weight": torch.zeros(1 << 20)}, stored)
    assert read_keys(stored).shape_of("weight") == (1 << 20,)
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for each in source.infolist():
            target.writestr(each.filename, source.read(each))
    assert packed.stat().st_size < 1 << 16
    with pytest.raises(CheckpointRefused, match="unpacks to 4 MiB"):
        read_keys(packed)
