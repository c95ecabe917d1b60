"""The NIfTI studies below a folder: which folder is a case, and whose."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from mome_core.case import FIELD_OF_TWO_MM, Role
from mome_core.case_file import CASE_JSON
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.files import nifti_under
from mome_core.nifti.image import read_place
from mome_core.nifti.names import named_file
from mome_core.nifti.sidecar import STUDY_SIDECAR
from mome_core.results import Laterality
from mome_core.volume import Affine, corners_of

_BIDS_LEVELS = re.compile(r"(?P<level>sub|ses)-(?P<label>[a-z0-9]+)", re.IGNORECASE)
_BREAST = re.compile(r"[_-](left|right)$", re.IGNORECASE)
_INPUTS = {Role.DCE_MULTI, Role.DCE_PHASE, Role.SUBTRACTION, Role.T2, Role.DWI}
_PARTS = {"anat", "perf", "dwi", "dce", "t2", "t2w", "adc"}  # folders inside a study: datatypes of BIDS, our words
_PUBLISHED = re.compile(r"(images|([^/]+/)?data_unilateral)/[^/]+")  # MAMA-MIA; ODELIA, with or without its centre


def nifti_study_folders(root: Path, without: Collection[Path] = ()) -> list[Path]:
    """Every folder below that is one NIfTI study, by name; a folder inside a study is not listed beside it.

    The study is the nearest folder with a mome.json or a case.json; else in BIDS the session or the subject; else where
    the files lie, but not a folder that is called as a part (dce, anat ...) or lies in another that has images itself.
    Files whose names say nothing make no study by themselves.

    Parameters
    ----------
    without
        Folders that are not looked into, because they are studies already (DICOM).

    Raises
    ------
    StudyIneligible
        Folders side by side hold different images each, so that nobody knows whether they are one study.
    """
    images: dict[Path, set[tuple[Role, int | None]]] = defaultdict(set)
    declared: set[Path] = set()
    others = frozenset(without)
    for path in nifti_under(root):
        if not others.isdisjoint(path.parents):
            continue
        file = named_file(path)
        if study := _declared_study(path, root):
            declared.add(study)
        elif file.role in _INPUTS:
            images[_study_of(path, root)].add((file.role, file.phase))
    inside = {each for each in images if any(one in images and one != root for one in each.parents) and not _bids(each)}
    _require_whole({each: images[each] for each in images if each not in inside and not _bids(each)})
    return sorted(declared | (images.keys() - inside))


def patients_of(studies: Iterable[Path], root: Path) -> dict[Path, str]:
    """What the folders call the patient of each study below a root; empty where they do not tell.

    In BIDS it is the subject; of MAMA-MIA, ODELIA and folders right below the root their name, without the side of a
    breast. Deeper ones may be visits, and a name that stands in two places may be of two patients: both have none.
    NIfTI itself knows no patient. It is for comparison and for pseudonyms: never shown or logged.
    """
    homes = {study: _home_of(study, root) for study in studies}
    places = defaultdict(set)
    for home in filter(None, homes.values()):
        places[_label_of(home)].add(home)
    known = {home: label for label, found in places.items() if len(found) == 1 for home in found}
    return {study: known.get(home, "") if home else "" for study, home in homes.items()}


def contradicted_side(folder: Path, affine: Affine, shape: tuple[int, ...]) -> str:
    """A sentence where a folder is named after one breast and its images lie on the other side; empty otherwise."""
    said, found = _named_side(folder), _side_of_field(affine, shape)
    if said is None or found is None or said is found:
        return ""
    words = {Laterality.LEFT: "left", Laterality.RIGHT: "right"}
    return f"the folder is named {words[said]}, and its images lie on the {words[found]}: these are believed"


def side_of(study: Path) -> Laterality | None:
    """Which breast a study of one breast shows, by the header of an image, else by its folder's name; None if neither
    tells.
    """
    images = (each for path in nifti_under(study) if (each := named_file(path)).role in _INPUTS)
    found = next((_side_of_field(*read_place(each.path, each.shown)) for each in images), None)
    return found or _named_side(study)


def _side_of_field(affine: Affine, shape: tuple[int, ...]) -> Laterality | None:
    """Of a field that is too narrow for two breasts the isocentre (x = 0) tells the side; None for others."""
    across = corners_of(affine, shape)[0]
    width, middle = float(np.ptp(across)), float(across.min() + across.max()) / 2
    if width >= FIELD_OF_TWO_MM or abs(middle) < width / 4:
        return None
    return Laterality.LEFT if middle > 0 else Laterality.RIGHT


def _named_side(folder: Path) -> Laterality | None:
    """The breast that a folder is named after."""
    named = _BREAST.search(folder.name)
    return {"left": Laterality.LEFT, "right": Laterality.RIGHT}[named[1].lower()] if named else None


def _declared_study(path: Path, root: Path) -> Path | None:
    """The nearest folder around a file, up to the root, that says that it is a study; None without one."""
    for folder in path.parents:
        if any((folder / name).is_file() for name in (STUDY_SIDECAR, CASE_JSON)):
            return folder
        if folder == root:
            break
    return None


def _study_of(path: Path, root: Path) -> Path:
    """The folder of the study that a file belongs to by the folders' names."""
    for folder in path.parents:
        if folder == root:
            break
        if _bids(folder):
            return folder
    folder = path.parent
    while folder != root and folder.name.lower() in _PARTS:
        folder = folder.parent
    return folder


def _bids(folder: Path) -> bool:
    return _BIDS_LEVELS.fullmatch(folder.name) is not None


def _require_whole(images: Mapping[Path, set[tuple[Role, int | None]]]) -> None:
    """Refuse folders side by side, or one in the other, that have no role in common: they may be parts of one study."""
    groups: dict[Path, list[set[tuple[Role, int | None]]]] = defaultdict(list)
    parents = {each.parent for each in images}
    for folder, found in images.items():
        groups[folder.parent].append(found)
        if folder in parents:
            groups[folder].append(found)
    for group in groups.values():
        if len(group) > 1 and sum(map(len, group)) == len(set.union(*group)):
            words = (
                "folders that belong together hold different images each, so they may be one study or several: put a "
                f"{STUDY_SIDECAR} that holds {{}} into the folder around them if they are one, else into each of them"
            )
            raise StudyIneligible(words, Ineligibility.SEVERAL_STUDIES)


def _home_of(study: Path, root: Path) -> Path | None:
    """The folder that stands for a study's patient, which need not exist; None where no folder does."""
    for folder in (study, *study.parents):
        if (found := _BIDS_LEVELS.fullmatch(folder.name)) and found["level"].lower() == "sub":
            return folder
        if folder == root:
            break
    place = study.relative_to(root)
    if len(place.parts) > 1 and not _PUBLISHED.fullmatch(place.as_posix()):
        return None
    return study.parent / (_BREAST.sub("", study.name) or study.name)


def _label_of(home: Path) -> str:
    """The name of a patient's folder; in BIDS without `sub-`."""
    found = _BIDS_LEVELS.fullmatch(home.name)
    return found["label"] if found else home.name
