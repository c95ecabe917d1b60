"""A study as volumes on disk: the case with its reasons, or every series by itself, as NIfTI and JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_io.errors import PixelsUnreadable
from dicom_io.export import RESEARCH_USE, Exported, describe_assembly, export_series
from dicom_io.headers.records import Omission
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.roles import RoleAssignment
from mome_core.case import Case, Modality
from mome_core.case_file import CASE_JSON, describe, listed_volumes, write_nifti
from mome_core.nifti.study import NiftiStudy, describe_nifti, read_nifti_study
from node.nifti_folders import require_apart, require_own


@dataclass(frozen=True, slots=True, eq=False)
class CaseFiles:
    """A case that was written.

    Parameters
    ----------
    files
        Names in its folder, without case.json.
    description
        What case.json says.
    """

    assembly: Assembly
    files: tuple[str, ...]
    description: Mapping[str, object]


def write_case_files(assignment: RoleAssignment, out: Path) -> CaseFiles:
    """Write the case of one study: a NIfTI file for each modality, and case.json with what was used and why.

    NodeError where the folder holds NIfTI files that no case.json of ours lists: another study would be overwritten.
    """
    require_own(out, listed_volumes(out))
    assembly = read_case(assignment)
    description = describe(assembly.case) | describe_assembly(assembly)
    return CaseFiles(assembly, _write_case(assembly.case, description, out), description)


@dataclass(frozen=True, slots=True, eq=False)
class _NiftiCaseFiles:
    """A case of NIfTI files that was written; `files` and `description` as in CaseFiles."""

    study: NiftiStudy
    files: tuple[str, ...]
    description: Mapping[str, object]


def write_nifti_case(folder: Path, out: Path) -> _NiftiCaseFiles:
    """As `write_case_files`, from a folder of NIfTI files; NodeError, too, where the one would overwrite the other."""
    require_apart(folder, out)
    require_own(out, listed_volumes(out))
    study = read_nifti_study(folder)
    out.mkdir(parents=True, exist_ok=True)
    description = describe(study.case) | {"statement": RESEARCH_USE} | describe_nifti(study)
    return _NiftiCaseFiles(study, _write_case(study.case, description, out), description)


def _write_case(case: Case, description: Mapping[str, object], out: Path) -> tuple[str, ...]:
    """Write the volumes and case.json; the names of the volumes."""
    names = {modality: f"{modality.lower()}.nii" for modality in Modality}
    for name in names.values():
        (out / name).unlink(missing_ok=True)  # of an earlier study
    for modality, volume in case.sources.items():
        write_nifti(volume, out / names[modality])
    (out / CASE_JSON).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return tuple(names[modality] for modality in case.sources)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFile:
    """One series that was written, or why it was not.

    Parameters
    ----------
    file
        Name in its folder; None when it was refused.
    """

    exported: Exported
    file: str | None
    refused: str

    def to_json(self) -> dict[str, object]:
        """What the JSON file beside the volume says."""
        return self.exported.describe() | {"file": self.file, "refused": self.refused or None}


@dataclass(frozen=True, slots=True, eq=False)
class _SeriesFiles:
    """Every series of a study that forms a volume, and the files that were left out before."""

    series: tuple[SeriesFile, ...]
    excluded: tuple[Omission, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        excluded = [{"name": item.name, "why": item.why} for item in self.excluded]
        return {"series": [each.to_json() for each in self.series], "excluded": excluded}


def write_all_series(assignment: RoleAssignment, out: Path) -> _SeriesFiles:
    """Write every series that forms a volume, one after the other, each with a JSON file beside it."""
    files = []
    for index, exported in enumerate(export_series(assignment), start=1):
        stem = f"{index:03d}_{exported.role.lower()}"
        file = _write_series(exported, out, stem)
        (out / f"{stem}.json").write_text(json.dumps(file.to_json(), indent=2) + "\n", encoding="utf-8")
        files.append(file)
    return _SeriesFiles(tuple(files), assignment.excluded)


def _write_series(exported: Exported, out: Path, stem: str) -> SeriesFile:
    """Write one volume; pixels that cannot be decoded become the reason in its description."""
    try:
        volumes = exported.read()
        if volumes is None:
            return SeriesFile(exported, None, exported.refused)
        write_nifti(volumes, out / f"{stem}.nii")
    except PixelsUnreadable as error:
        return SeriesFile(exported, None, str(error))
    return SeriesFile(exported, f"{stem}.nii", "")
