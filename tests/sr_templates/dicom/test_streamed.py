"""Pixel data that are computed while they are written: the same bytes, wherever one begins to read."""

from __future__ import annotations

import tracemalloc
from io import SEEK_END

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.streamed import Planes, pixel_chunks
from sr_templates.kinds import Kind

MAP = np.arange(5 * 7 * 3, dtype=np.float32).reshape(3, 7, 5).transpose(2, 1, 0)  # a view, as of a volume


def test_the_bytes_are_those_of_the_array() -> None:
    assert Planes(MAP, MAP.dtype).file().read() == MAP.tobytes()
    assert Planes(MAP, MAP.dtype).reversed().file().read() == MAP[::-1].tobytes()


def test_stored_values_are_computed_from_each_plane() -> None:
    halved = Planes(MAP, np.dtype(np.uint16), lambda plane: plane / 2)
    assert halved.file().read() == (MAP / 2).astype(np.uint16).tobytes()


@pytest.mark.parametrize("start", [0, 1, 83, 84, 85, 419])
def test_reading_begins_anywhere_and_can_be_repeated(start: int) -> None:
    file = Planes(MAP, MAP.dtype).file()
    for _ in range(2):
        file.seek(start)
        assert file.read() == MAP.tobytes()[start:]
    assert file.seek(0, SEEK_END) == MAP.nbytes


def test_an_object_gives_its_pixels_whether_it_holds_or_streams_them() -> None:
    instance = Dataset()
    for value in (MAP.tobytes(), Planes(MAP, MAP.dtype).file()):
        instance.FloatPixelData = value
        for _ in range(2):
            assert b"".join(pixel_chunks(instance, "FloatPixelData")) == MAP.tobytes()


def test_a_map_can_be_encoded_twice_and_is_not_held() -> None:
    evidence = make_evidence(Layout(columns=192, rows=160, slices=40))
    result = make_result(evidence)
    options = ObjectOptions(frozenset({Kind.SALIENCY_MAP, Kind.KINETIC_MAPS}))
    build_objects(result, evidence, DEVICE, options=options)  # whatever is read once in a process
    tracemalloc.start()
    objects = build_objects(result, evidence, DEVICE, options=options)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(1 for _ in objects) == 4
    assert held < 4 * 192 * 160 * 40  # less than one of the four maps
    for instance in objects:
        assert encode(instance) == encode(instance)
