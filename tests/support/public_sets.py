"""Small copies of public collections: folders, series names, tables with real headers and codes, phantom pixels.

Names, numbers and counts of series are those of the index of the Imaging Data Commons; headers and codes of the tables
are those of the collections' pages and of public code that reads them. No table and no image of a real patient is here.

    python tests/support/public_sets.py OUT [AMBL ...]      # writes OUT/dicom, to be looked at
"""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow
import pydicom
from pyarrow import parquet
from pydicom.uid import generate_uid

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import StudyOptions
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size, SliceOrientation
from dicom_io.phantom.vendors import write_study
from mome_core.case import Modality
from mome_core.volume import Dynamic, Volume

GAP_S = 100.0  # from the phase before contrast to the first after it


@dataclass(frozen=True, slots=True)
class Layout:
    """How one collection's studies look.

    Parameters
    ----------
    names
        For each series of the phantom (dce, dce0 ..., t2, dwi, t1) its number and name; others are not written.
    one_breast
        Whether the field of view holds the left breast only.
    """

    collection: str
    vendor: str
    layout: str | None
    names: dict[str, tuple[int, str]]
    posts: int
    study_description: str = ""
    orientation: SliceOrientation = SliceOrientation.AXIAL
    one_breast: bool = False
    without: frozenset[Modality] = frozenset({Modality.DWI})
    field_strength_t: float = 1.5
    t2_slices_of_dce: bool = False  # then image counts prove how many phases the dynamic has


def _phases(first: int, names: Iterable[str], step: int = 1) -> dict[str, tuple[int, str]]:
    return {f"dce{n}": (first + n * step, name) for n, name in enumerate(names)}


_DYN = "multiPhase384/256_80-100sec._Dyn."
LAYOUTS = {
    each.collection: each
    for each in (
        Layout(
            "advanced_mri_breast_lesions",
            "ge",
            "one-series",
            {"dce": (5, "AX Sen Vibrant MultiPhase"), "t2": (6, "Ax T2 FSE")},
            posts=5,
            study_description="MRI BREASTS - Delayed contrast",
        ),
        Layout(
            "duke_breast_cancer_mri",
            "ge",
            "series-per-phase",
            {"t1": (3, "ax t1 3mm")} | _phases(500, ("ax 3d dyn", *(f"Ph{n}/ax 3d dyn" for n in (1, 2, 3)))),
            posts=3,
            study_description="MRI BREAST BILATERAL W/WO",
            without=frozenset({Modality.DWI, Modality.T2}),
        ),
        Layout(
            "ispy2",
            "ge",
            "series-per-phase",
            {"t2": (3, "ISPY2: WATER: product:(IDEAL) T2FSE+ASSET no NP")}
            | _phases(700, (f"ISPY2: {_DYN}", *(f"ISPY2: Ph{n}/{_DYN}" for n in range(1, 8)))),
            posts=7,
            study_description="ISPY2_MRI_T0",
        ),
        Layout(
            "acrin_6698",
            "siemens",
            "series-per-phase",
            {"dwi": (3, "ACRIN-6698: AX DWI 6698"), "t2": (7, "ISPY2: T2 TIRM AX")}
            | _phases(13, ["ISPY2: T1_FL3D_AX_dynVIEWS_1+6"] * 7, step=2),
            posts=6,
            study_description="ACRIN-6698_ISPY2_MRI_T0",
            without=frozenset(),
        ),
        Layout(
            "ispy1",
            "ge",
            "one-series",
            {"t2": (2, "T2-FSE-Unilat.-Sagittal"), "dce": (6, "Dynamic-3dfgre-Phase=160")},
            posts=2,
            study_description="MR BREASTUNI UE",
            orientation=SliceOrientation.SAGITTAL,
            one_breast=True,
        ),
        Layout(
            "breast_mri_nact_pilot",
            "ge",
            "one-series",
            {"t2": (2, "Sagittal-2DFSE with fat/supp."), "dce": (3, "Sagittal-IR_3DFGRE")},
            posts=2,
            study_description="MR BREAS, UNIT",
            orientation=SliceOrientation.SAGITTAL,
            one_breast=True,
        ),
        Layout(
            "breast_diagnosis",
            "philips",
            "one-series",
            {"t2": (501, "T2W_TSE SENSE"), "dce": (901, "AX BLISS_AUTO SENSE")},
            posts=7,
            study_description="MRI Breast Bilateral with and without Contrast",
            t2_slices_of_dce=True,
        ),
        Layout(
            "tcga_brca",
            "ge",
            "one-series",
            {"t2": (3, "Ax T2 FSE FS"), "dce": (4, "Ax Vibrant MULTIPHASE")},
            posts=4,
            study_description="BREAST MRI",
        ),
        Layout(
            "acrin_contralateral_breast_mr",
            "siemens",
            "series-per-phase",
            {"t2": (3, "t2_tirm_tra")} | _phases(7, ["fl3d_AXIAL_1-pre_5-post"] * 6, step=2),
            posts=5,
            study_description="RESEARCH^BREAST RESEARCH",
        ),
    )
}


def write_public_study(
    root: Path,
    collection: str,
    patient: str,
    *,
    seed: int,
    lesion: str = "malignant",
    size: str = "tiny",
    visit: str = "",
    date: str = "20040423",
) -> Path:
    """Write a study as the collection names and orders it; its folder ROOT/COLLECTION/PATIENT/STUDY.

    visit : replaces T0 at the end of the study's description.
    """
    layout = LAYOUTS[collection]
    spec = PhantomSpec(
        seed=seed,
        lesion=Lesion(lesion),
        size=Size(size),
        post_phases=layout.posts,
        orientation=layout.orientation,
        without=layout.without,
        field_strength_t=layout.field_strength_t,
    )
    phantom = simulate(spec)
    if layout.one_breast:
        phantom = _left_half(phantom)
    if layout.t2_slices_of_dce and phantom.t2 and phantom.dce:
        phantom = replace(phantom, t2=_with_slices(phantom.t2, phantom.dce.voxels.shape[3]))
    drawn = root / collection / patient / ".drawn"
    options = StudyOptions(
        patient_name=patient, patient_id=patient, study=f"{collection}{patient}{visit}", derived=False
    )
    paths = write_study(phantom, layout.vendor, layout.layout, drawn, replace(options, only=tuple(layout.names)))
    description = layout.study_description.replace("_T0", f"_{visit}") if visit else layout.study_description
    folder = _renamed(layout, paths, root / collection / patient, description, date)
    for each in sorted(drawn.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    drawn.rmdir()
    return folder


def _renamed(layout: Layout, paths: Sequence[Path], patient: Path, description: str, date: str) -> Path:
    """Give every instance the collection's name and number, and put it where `public get` puts it."""
    mask_uid, folder = generate_uid(entropy_srcs=[str(patient), description]), patient
    for path in paths:
        image = pydicom.dcmread(path)
        number, name = layout.names[path.parent.name.split("-", 1)[1]]
        if name == "AX Sen Vibrant MultiPhase":
            number, name = _as_ge_saves_a_mask(image, mask_uid, layout.posts)
        image.SeriesNumber, image.SeriesDescription, image.StudyDescription = number, name, description
        image.ProtocolName = name
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = date
        folder = patient / str(image.StudyInstanceUID)
        place = folder / f"{number:05d}-{image.SeriesInstanceUID[-12:]}" / f"{image.SOPInstanceUID}.dcm"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save_as(place)
    return folder


def _as_ge_saves_a_mask(image: pydicom.Dataset, mask_uid: str, posts: int) -> tuple[int, str]:
    """The phase before contrast as a series of its own, called MASK; clock and count of the others begin after it."""
    if int(image.TemporalPositionIdentifier) == 1:
        image.SeriesInstanceUID, image.NumberOfTemporalPositions = mask_uid, 1
        return 3, "AX Sen Vibrant MASK"
    image.TemporalPositionIdentifier = int(image.TemporalPositionIdentifier) - 1
    image.NumberOfTemporalPositions = posts
    image.TriggerTime = float(image.TriggerTime) - 1000 * GAP_S
    image.AcquisitionTime = _later(str(image.AcquisitionTime), GAP_S)
    return 5, "AX Sen Vibrant MultiPhase"


def _later(time: str, seconds: float) -> str:
    moment = datetime.strptime(time[:6], "%H%M%S") + timedelta(seconds=seconds)  # a time of day
    return moment.strftime("%H%M%S.000000")


def _left_half(phantom: Phantom) -> Phantom:
    """The same patient in a field of view that holds the left breast only (LPS: left is +x)."""
    return replace(
        phantom,
        dce=phantom.dce and _half_dynamic(phantom.dce),
        t1=_half(phantom.t1),
        t2=phantom.t2 and _half(phantom.t2),
    )


def _with_slices(volume: Volume, count: int) -> Volume:
    """The volume in so many slices, each the nearest of its own."""
    before = volume.voxels.shape[2]
    places = np.linspace(0, before - 1, count)
    affine = volume.affine.copy()
    affine[:3, 2] *= (before - 1) / (count - 1)
    return replace(volume, voxels=volume.voxels[:, :, np.rint(places).astype(int)], affine=affine)


def publish(root: Path, bucket: Path) -> Path:
    """Put every series below ROOT into a bucket as the Imaging Data Commons does; the index of it, BUCKET.parquet."""
    rows = []
    for series in sorted(root.glob("*/*/*/*")):
        files = sorted(series.glob("*.dcm"))
        image = pydicom.dcmread(files[0], stop_before_pixels=True)
        folder = str(uuid.uuid5(uuid.NAMESPACE_OID, str(image.SeriesInstanceUID)))
        (bucket / folder).mkdir(parents=True)
        for each in files:
            shutil.copy(each, bucket / folder / each.name)
        collection = series.relative_to(root).parts[0]
        rows.append(
            {
                "collection_id": collection,
                "analysis_result_id": None,
                "PatientID": str(image.PatientID),
                "StudyInstanceUID": str(image.StudyInstanceUID),
                "SeriesInstanceUID": str(image.SeriesInstanceUID),
                "SeriesNumber": str(image.SeriesNumber),
                "SeriesDescription": str(image.SeriesDescription),
                "instanceCount": len(files),
                "series_size_MB": sum(each.stat().st_size for each in files) / 1e6,
                "license_short_name": "CC BY-NC 4.0" if collection.startswith("duke") else "CC BY 4.0",
                "source_DOI": f"10.0000/{collection}",
                "series_aws_url": f"s3://{bucket.name}/{folder}/*",
                "StudyDescription": str(image.StudyDescription),
                "StudyDate": str(image.StudyDate),
                "Modality": "MR",
            }
        )
    index = bucket.with_suffix(".parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), index)
    return index


def _half_dynamic(dynamic: Dynamic) -> Dynamic:
    kept, affine = _kept(dynamic.voxels.shape[1:], dynamic.affine)
    return replace(dynamic, voxels=dynamic.voxels[(slice(None), *kept)], affine=affine)


def _half(volume: Volume) -> Volume:
    kept, affine = _kept(volume.voxels.shape, volume.affine)
    return replace(volume, voxels=volume.voxels[kept], affine=affine)


def _kept(shape: Sequence[int], affine: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
    """The voxels with x > 0, along the axis that runs most from right to left."""
    axis = int(np.argmax(np.abs(affine[0, :3])))
    corner = affine[0, 3] + affine[0, axis] * np.arange(shape[axis])
    inside = np.flatnonzero(corner > 0)
    start, stop = int(inside.min()), int(inside.max()) + 1
    moved = affine.copy()
    moved[:3, 3] += affine[:3, axis] * start
    return tuple(slice(start, stop) if a == axis else slice(None) for a in range(3)), moved


if __name__ == "__main__":
    names = sys.argv[2:] or list(LAYOUTS)
    for n, each in enumerate(names):
        sys.stdout.write(f"{write_public_study(Path(sys.argv[1]) / 'dicom', each, f'P-{n}', seed=n)}\n")
