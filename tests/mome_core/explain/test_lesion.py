"""The map of the shipped model follows the lesion: the same patient, with the lesion elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dicom_io.phantom import anatomy
from dicom_io.phantom.body import Body, draw_body
from dicom_io.phantom.spec import Lesion, Millimetres, PhantomSpec
from mome_core.case import Modality
from mome_core.inference import analyze
from mome_core.model.checkpoint import load_checkpoint
from mome_core.policy import Policy
from places import ROOT

CHECKPOINT = load_checkpoint(ROOT / "node" / "models_shipped" / "demo")
ONE_MAP = Policy(contributions=False)

pytestmark = pytest.mark.slow


ALWAYS = [(0, 0, 0), (0, 0, 25)]
AT_LENGTH = [pytest.param(each, marks=pytest.mark.exhaustive) for each in ((0, 0, -25), (20, 0, 0), (0, 20, 0))]


@pytest.mark.parametrize("shift_mm", [*ALWAYS, *AT_LENGTH], ids=str)
def test_the_peak_of_the_map_follows_the_lesion(monkeypatch: pytest.MonkeyPatch, shift_mm: Millimetres) -> None:
    def drawn(*of: Any) -> Body:
        body = draw_body(*of)
        assert body.lesion is not None
        centre = tuple(float(x) for x in np.add(body.lesion.centre_mm, shift_mm))
        return replace(body, lesion=replace(body.lesion, centre_mm=centre))

    monkeypatch.setattr(anatomy, "draw_body", drawn)
    phantom = anatomy.simulate(PhantomSpec(seed=7, lesion=Lesion.MALIGNANT))
    result = analyze(phantom.case(), CHECKPOINT, ONE_MAP)
    saliency = next(each for each in result.saliency if each.modality is Modality.DCE)
    peak = np.unravel_index(np.argmax(saliency.volume.voxels), saliency.volume.voxels.shape)
    peak_mm = saliency.volume.affine @ (*peak, 1)
    lesion_mm = np.argwhere(phantom.truth.lesion) @ saliency.volume.affine[:3, :3].T + saliency.volume.affine[:3, 3]
    assert np.linalg.norm(lesion_mm - peak_mm[:3], axis=1).min() <= 10.0
    assert saliency.completeness_error <= 0.01
