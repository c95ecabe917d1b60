"""Volumes for the interactive preview: the DCE and the saliency on it, as NIfTI for the viewer in the browser."""

from __future__ import annotations

import shutil
import threading
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.errors import DicomError
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.case_file import write_nifti
from mome_core.errors import MomeError
from mome_core.volume import Dynamic, Volume
from node.dashboard.site import Site
from node.hosts import images_here, require_results_here
from sr_templates.build import decode
from sr_templates.kinds import Kind
from sr_templates.reading.parametric_map import read_map

_WHITE_PERCENTILE = 99.8
_building = threading.Lock()  # one at a time: a study takes some hundred MiB


class Layer(StrEnum):
    """A volume of the preview."""

    PRE = "pre"
    POST = "post"
    DIFFERENCE = "difference"
    SALIENCY = "saliency"


def layer_file(site: Site, number: int, layer: Layer) -> Path:
    """The NIfTI file of a layer (gzip), built when first asked for; raises LookupError when the study has no map."""
    revision = site.ledger.reading.study(site.overview.uid_of(number)).study.revision
    folder = site.archive.previews / f"{number}-{revision}"
    with _building:
        if not folder.is_dir():
            _build(site, number, folder)
    return folder / f"{layer}.nii.gz"


def _build(site: Site, number: int, folder: Path) -> None:
    """Write all layers of a study; the folder appears when it is whole."""
    uid = site.overview.uid_of(number)
    kept = [each for each in site.ledger.reading.study(uid).objects if each.kind == Kind.SALIENCY_MAP]
    if not kept:
        raise LookupError("this study has no saliency map")
    require_results_here(site.ledger, site.archive, uid)
    saliency = read_map(decode(site.archive.verified(kept[0].path, kept[0].sha256).read_bytes()))
    dce = _dynamic_of(site, uid)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    for layer, volume in _layers(dce, saliency).items():
        write_nifti(volume, part / f"{layer}.nii.gz")
    part.rename(folder)


def _dynamic_of(site: Site, uid: str) -> Dynamic:
    """The DCE of a study as the model saw it."""
    paths = images_here(site.ledger, site.archive, uid)
    try:
        dce = read_case(assign_roles(read_series_headers(paths), site.settings.series.role_rules())).case.dce
    except (DicomError, MomeError) as error:
        raise LookupError(f"the images cannot be shown: {error}") from None
    if dce is None:
        raise LookupError("this study has no DCE")
    return dce


def _layers(dce: Dynamic, saliency: Volume) -> dict[Layer, Volume]:
    """Before contrast, the first phase after it, their difference, and the saliency."""
    pre, post = (dce.phase(index).voxels.astype(np.float32) for index in (0, min(1, dce.phase_count - 1)))
    white = float(np.percentile(post, _WHITE_PERCENTILE)) or 1.0
    volumes = {Layer.PRE: _shades(pre / white), Layer.POST: _shades(post / white)}
    volumes[Layer.DIFFERENCE] = _shades((post - pre) / white)
    made = {layer: Volume(voxels, dce.affine, dce.frame_of_reference_uid) for layer, voxels in volumes.items()}
    return made | {Layer.SALIENCY: saliency}


def _shades(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey values for a screen: a study of 24 million voxels is to cross a network while somebody waits."""
    shades: NDArray[np.uint8] = (255 * shares.clip(0, 1)).astype(np.uint8)
    return shades
