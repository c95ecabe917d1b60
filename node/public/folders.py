"""The studies below a folder, however a downloader has laid them out: by `public get`, by the NBIA Data Retriever."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicom_io.files import is_dicom
from dicom_io.labels import Labels, read_labels


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """One study on disk, with what its first image says of it.

    Parameters
    ----------
    fault
        Why it cannot be a case; empty for one that can.
    """

    folder: Path
    labels: Labels
    fault: str = ""


def study_folders(root: Path) -> list[StudyFolder]:
    """Every study of MR images below a folder; its folder holds all of its series and no other study."""
    places: dict[str, list[Path]] = defaultdict(list)
    said: dict[str, Labels] = {}
    for base, _, names in os.walk(root):
        folder = Path(base)
        first = next((folder / name for name in sorted(names) if is_dicom(folder / name)), None)
        if first is None:
            continue
        labels = read_labels(first)
        if labels.study_uid and labels.modality == "MR":
            places[labels.study_uid].append(folder)
            said.setdefault(labels.study_uid, labels)
    folders = {uid: Path(os.path.commonpath(theirs)) for uid, theirs in places.items()}
    return [
        StudyFolder(folder, said[uid], _fault(uid, folder, places))
        for uid, folder in sorted(folders.items(), key=lambda entry: entry[1])
    ]


def _fault(uid: str, folder: Path, places: dict[str, list[Path]]) -> str:
    others = [each for other, theirs in places.items() if other != uid for each in theirs]
    return "its series lie among those of other studies" if _holds(folder, others) else ""


def _holds(folder: Path, others: Sequence[Path]) -> bool:
    return any(each.is_relative_to(folder) for each in others)
