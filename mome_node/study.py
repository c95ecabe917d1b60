"""One study, read from a folder: which part each series plays, and the volumes that a model is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image

from dicom_io.files import dicom_files
from dicom_io.headers.read import read_series_headers
from dicom_io.headers.records import StudyHeaders
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.classify import assign_roles
from dicom_io.study.roles import SeriesRole, read_rules
from mome_core.case import Case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.study import NiftiStudy, read_nifti_study
from mome_node.pictures import Point, case_picture
from node.nifti_folders import is_nifti_study
from node.series_roles import numbered
from node.study_doubts import require_one_patient


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Study:
    """A study that was read.

    Parameters
    ----------
    case
        The volumes by modality, in patient coordinates (LPS, mm).
    headers
        Every series of DICOM, with its instances and their headers; empty for NIfTI.
    assembly
        The images behind every slice of the volumes, and what was left out and why; None for NIfTI.
    nifti
        The files behind the volumes, and what was left out and why; None for DICOM.

    Examples
    --------
    >>> study = read_study("study")
    >>> study  # doctest: +ELLIPSIS
    Study of 13 series: DCE of 6 phases (64 x 64 x 16), DWI b 1000 s/mm2 (...), T2 (...)
    >>> study.case.dce.times_s
    (-100.0, 0.0, 75.0, 150.0, 225.0, 300.0)
    >>> study.roles[0].role, study.roles[0].why
    (<Role.LOCALIZER: 'LOCALIZER'>, '9 images in 3 orientations')
    """

    case: Case
    headers: StudyHeaders = field(default_factory=lambda: StudyHeaders(()))
    assembly: Assembly | None = None
    nifti: NiftiStudy | None = None

    @property
    def roles(self) -> tuple[SeriesRole, ...]:
        """The role of every series with its confidence and why, in the order of the scanner's series numbers.

        Empty for NIfTI, where a file has the role that its name or sidecar says.
        """
        return () if self.assembly is None else tuple(numbered(self.assembly.roles))

    @property
    def without_dce(self) -> StudyIneligible | None:
        """Why there is no usable DCE; None with one."""
        read = self.assembly or self.nifti
        return None if read is None else read.without_dce

    @property
    def choices(self) -> tuple[str, ...]:
        """Which images were used and which not, where a reader could expect others."""
        if self.assembly is not None:
            return self.assembly.warnings
        return () if self.nifti is None else self.nifti.notes

    def show(self, at_mm: Point | None = None) -> Image:
        """A picture of the volumes, without anything that names the patient.

        Parameters
        ----------
        at_mm
            LPS point that the axial cuts go through; None for the middle of the DCE.
        """
        return case_picture(self.case, at_mm)

    def __repr__(self) -> str:
        files = f"{len(self.headers)} series" if self.assembly else "NIfTI"
        return f"Study of {files}: {', '.join(_described(self.case)) or 'no volume'}"


def read_study(folder: str | Path, *, rules: dict[str, str] | None = None) -> Study:
    """Read the DICOM files of one study below a folder, or the NIfTI files of one (docs/nifti.md).

    Parameters
    ----------
    rules
        The site's own word on DICOM series, as `[series.rules]` of the settings: pattern of the description -> role.

    Raises
    ------
    StudyIneligible
        The folder holds no study that a model could be given; `code` says why, for programs.
    DicomError
        A file cannot be read.
    ValueError
        A rule names a role that does not exist.
    """
    folder = Path(folder)
    if is_nifti_study(folder):
        nifti = read_nifti_study(folder, diffusion=True)
        return Study(nifti.case, nifti=nifti)
    paths = dicom_files(folder)
    if not paths:
        raise StudyIneligible("the folder holds no DICOM or NIfTI file", Ineligibility.NO_MR_IMAGE)
    headers = read_series_headers(paths)
    require_one_patient(headers)
    roles = assign_roles(headers, read_rules(rules or {}))
    assembly = read_case(roles, dce_required=False, diffusion=True)
    return Study(assembly.case, headers, assembly)


def _described(case: Case) -> list[str]:
    """Each volume with its size, in the network's order."""
    told = []
    for modality, source in case.sources.items():
        size = " x ".join(str(each) for each in source.voxels.shape[-3:])
        phases = f" of {len(source.voxels)} phases" if source is case.dce else ""
        b_value = f" b {case.dwi_b_value:.0f} s/mm2" if source is case.dwi else ""
        told.append(f"{modality}{phases}{b_value} ({size})")
    return told
