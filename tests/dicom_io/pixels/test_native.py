"""Native pixels from small files: every stored form, rescaled per image, one volume or one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGExtended12Bit

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.records import Plane
from dicom_io.pixels.native import read_in_turn, read_voxels
from dicom_io.vendors.base import Tile
from planes import plane

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)  # rows, columns


def stored(file: Path, pixels: np.ndarray, **changes: Any) -> Plane:
    """A plane of a file that holds 7 bytes and then these pixels (rows, columns) or (frames, rows, columns)."""
    file.write_bytes(b"header " + pixels.tobytes())
    rows, columns = pixels.shape[-2:]
    facts = {"slope", "intercept", "frame", "tile"} & changes.keys()
    image = plane(rows=rows, columns=columns, **{name: changes.pop(name) for name in facts})
    instance = replace(
        image.instance,
        path=file,
        offset=7,
        length=pixels.nbytes,
        rows=rows,
        columns=columns,
        frames=1 if pixels.ndim == 2 else len(pixels),
        bits_allocated=8 * pixels.dtype.itemsize,
        bits_stored=8 * pixels.dtype.itemsize,
        high_bit=8 * pixels.dtype.itemsize - 1,
        signed=pixels.dtype.kind == "i",
    )
    return replace(image, instance=replace(instance, **changes))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_stored_values_of_any_type_stay_as_they_are(tmp_path: Path, dtype: str) -> None:
    image = stored(tmp_path / "a", IMAGE.astype(dtype))
    voxels = read_voxels([[image]])
    assert (voxels.dtype, voxels.shape) == (np.dtype(dtype), (1, 4, 3, 1))
    assert np.array_equal(voxels[0, :, :, 0].T, IMAGE)


def test_each_image_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", IMAGE, slope=2.0, intercept=1.0)
    second = stored(tmp_path / "b", IMAGE, slope=0.5)
    voxels = read_voxels([[first, second]])
    assert voxels.dtype == np.float32
    assert np.array_equal(voxels[0, :, :, 0].T, IMAGE * 2.0 + 1.0)
    assert np.array_equal(voxels[0, :, :, 1].T, IMAGE * 0.5)


def test_big_endian_pixels_are_swapped(tmp_path: Path) -> None:
    image = stored(tmp_path / "a", IMAGE.astype(">u2"), transfer_syntax_uid=ExplicitVRBigEndian)
    assert np.array_equal(read_voxels([[image]])[0, :, :, 0].T, IMAGE)


def test_bits_above_the_stored_ones_are_cleared_and_the_sign_is_kept(tmp_path: Path) -> None:
    overlay = stored(tmp_path / "a", IMAGE | 0xF000, bits_stored=12, high_bit=11)
    assert np.array_equal(read_voxels([[overlay]])[0, :, :, 0].T, IMAGE)
    negative = stored(tmp_path / "b", np.array([[0x0FFF]], np.int16), bits_stored=12, high_bit=11)
    assert read_voxels([[negative]]).item() == -1
    shifted = stored(tmp_path / "c", IMAGE << 4, bits_stored=12, high_bit=15)
    assert np.array_equal(read_voxels([[shifted]])[0, :, :, 0].T, IMAGE)


def test_frames_and_tiles_are_found_in_their_file(tmp_path: Path) -> None:
    frames = np.stack([IMAGE, IMAGE + 100])
    second = stored(tmp_path / "a", frames, frame=2)
    first = replace(second, frame=1)
    assert np.array_equal(read_voxels([[second, first]])[0].transpose(2, 1, 0), frames[::-1])
    mosaic = stored(tmp_path / "b", np.hstack([IMAGE, IMAGE + 50]))
    tile = replace(mosaic, rows=3, columns=4, tile=Tile(top=0, left=4, position_mm=(0.0, 0.0, 0.0)))
    assert np.array_equal(read_voxels([[tile]])[0, :, :, 0].T, IMAGE + 50)


def test_volumes_in_turn_are_those_read_at_once(tmp_path: Path) -> None:
    volumes = [[stored(tmp_path / f"{n}-{k}", IMAGE + 10 * n + k) for k in range(2)] for n in range(5)]
    dtype, turns = read_in_turn(volumes)
    together = read_voxels(volumes)
    assert dtype == together.dtype
    assert [np.array_equal(volume, whole) for volume, whole in zip(turns, together, strict=True)] == [True] * 5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"transfer_syntax_uid": JPEGExtended12Bit}, "cannot be decoded here; have them sent uncompressed"),
        ({"samples": 3}, "not single grey values"),
        ({"bits_allocated": 12}, "not single grey values"),
        ({"length": 10}, "announces 24 bytes of pixels and holds 10"),
        ({"frames": 1 << 30}, "would take .* MiB"),
        ({"slope": 0.0}, "slope or intercept is zero"),
        ({"intercept": float("nan")}, "not a number"),
        ({"path": Path("/nowhere/at/all")}, "a file cannot be read"),
        ({"offset": 20}, "ends inside its pixel data"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(PixelsUnreadable, match=why):
        read_voxels([[stored(tmp_path / "a", IMAGE, **changes)]])


def test_nothing_is_read_before_the_first_volume_is_taken_from_a_file_that_vanished(tmp_path: Path) -> None:
    image = stored(tmp_path / "a", IMAGE, transfer_syntax_uid=ExplicitVRLittleEndian)
    _, turns = read_in_turn([[image]])
    (tmp_path / "a").unlink()
    with pytest.raises(PixelsUnreadable, match="cannot be read"):
        next(turns)
