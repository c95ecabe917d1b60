"""SimpleITK's ImageSeriesReader as its documentation shows it: GDCM's series, and its order of the files of each."""

from __future__ import annotations

from pathlib import Path

import SimpleITK

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.score import Output, ReadVolume
from benchmarks.reader.stamps import images_of

VERSION = SimpleITK.Version().VersionString()
CLAIMS: tuple[str, ...] = ()


def read(images: CaseImages, _work: Path) -> tuple[list[Output], list[str]]:
    """One image for each series that GDCM tells apart (useSeriesDetails)."""
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    folder, found, notes = str(images.dicom), [], []
    for uid in SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(folder, True):
        names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(folder, uid, True)
        try:
            voxels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(names)).T
        except RuntimeError as error:
            notes.append(str(error).strip().splitlines()[-1])
            continue
        found.append(Output(tuple(map(ReadVolume, images_of(voxels)))))
    return found, notes
