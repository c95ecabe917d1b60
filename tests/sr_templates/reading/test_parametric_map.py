"""A parametric map that we wrote is read back with its numbers, in the same place in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.volume import Volume
from sr_studies import AXIAL, DEVICE, OBLIQUE, SAGITTAL, Layout, make_evidence, make_result
from sr_templates.build import build_objects, decode, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.kinds import Kind
from sr_templates.reading.parametric_map import read_map


def peak_mm(volume: Volume) -> np.ndarray:
    index = np.unravel_index(np.abs(volume.voxels).argmax(), volume.voxels.shape)
    return (volume.affine @ [*index, 1])[:3]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
@pytest.mark.parametrize("encoding", list(MapEncoding))
def test_a_map_is_read_back_as_it_was(orientation: tuple[float, ...], encoding: MapEncoding) -> None:
    evidence = make_evidence(Layout(orientation=orientation))
    result = make_result(evidence)
    objects = build_objects(result, evidence, DEVICE, options=ObjectOptions(map_encoding=encoding, crop_map=True))
    (written,) = objects.by_kind[Kind.SALIENCY_MAP]
    found, saliency = read_map(decode(encode(written))), result.saliency[0].volume
    assert found.frame_of_reference_uid == str(evidence.dce[0][0].header.FrameOfReferenceUID)
    assert np.allclose(peak_mm(found), peak_mm(saliency), atol=0.01)
    assert np.isclose(np.abs(found.voxels).max(), np.abs(saliency.voxels).max(), rtol=1e-3)
    assert np.isclose(found.voxels.sum(), saliency.voxels.sum(), rtol=1e-2)
