"""Have a reader answer cases: its module is loaded by name, its outputs become a file that score.py reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reader.score import Answer, Output

# One more reader is a module in readers/ and a row here.
READERS = ("node", "dcm2niix", "dicom2nifti", "simpleitk", "dcm_classifier")


class CaseImages:
    """Numbers of a case's images, by where they lie.

    Parameters
    ----------
    folder
        The case; its DICOM files are in `dicom`, and `series` has those of each SeriesInstanceUID.
    """

    def __init__(self, folder: Path) -> None:
        self.dicom = folder / "dicom"
        self._by_file: dict[str, list[int]] = {}
        self._by_uid: dict[tuple[str, int | None], int] = {}
        self.series: dict[str, set[Path]] = {}
        for each in json.loads((folder / "images.json").read_text("utf-8")):
            self._by_file.setdefault(Path(each["file"]).name, []).append(each["image"])
            self._by_uid[each["sop_instance_uid"], each["frame"]] = each["image"]
            self.series.setdefault(each["series_instance_uid"], set()).add(folder / each["file"])

    def of_file(self, path: Path) -> list[int]:
        """The images of a file."""
        return self._by_file[path.name]

    def of_instance(self, sop_instance_uid: str, frame: int | None) -> int:
        """The image of an instance; the frame or tile from 1, None in a classic one."""
        return self._by_uid[sop_instance_uid, frame]


def answer(reader: str, folder: Path) -> Iterator[Answer]:
    """Answer every case below `folder`, one file each below `folder`/answers/READER."""
    module = import_module(f"benchmarks.reader.readers.{reader}")
    out = folder / "answers" / reader
    out.mkdir(parents=True, exist_ok=True)
    for case in sorted((folder / "cases").iterdir(), key=lambda each: ("+" in each.name, each.name)):
        if (out / f"{case.name}.json").exists():
            continue
        with TemporaryDirectory() as work:
            outputs, notes = module.read(CaseImages(case), Path(work))
        given = Answer(reader, module.VERSION, module.CLAIMS, tuple(outputs), tuple(notes))
        (out / f"{case.name}.json").write_text(json.dumps(_record(given)) + "\n", "utf-8")
        yield given


def _record(given: Answer) -> dict[str, Any]:
    return {
        "reader": given.reader,
        "version": given.version,
        "claims": list(given.claims),
        "outputs": [_described(output) for output in given.outputs],
        "notes": list(given.notes),
    }


def _described(output: Output) -> dict[str, Any]:
    volumes = [{"images": list(v.images), "b_values": list(v.b_values)} for v in output.volumes]
    return {"role": output.role, "volumes": volumes}
