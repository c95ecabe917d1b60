"""One study of a batch: found among the rows that exist, or analysed and kept as one."""

from __future__ import annotations

import hashlib
import json
import logging
import traceback
from dataclasses import dataclass
from pathlib import Path

from dicom_io.errors import DicomError
from dicom_io.files import dicom_files
from mome_core.errors import Ineligibility, MomeError
from mome_core.training.errors import NotWritable
from mome_core.training.files import write_whole
from node.analysis import AnalysisContext, analyze_study, summarize
from node.cases import content_digest, listing_digest
from node.engines.engine import LostTask
from node.nifti_analysis import analyze_nifti, summarize_nifti
from node.nifti_folders import is_nifti_study
from node.result_files import write_result_files
from node.summary import AnalysisSummary
from sr_templates.build import ResultObjects

log = logging.getLogger(__name__)
ROWS, OBJECTS, SEEN = "rows", "objects", "seen"


@dataclass(frozen=True, slots=True)
class KeptRow:
    """The name of a study's row, and whether it was made now."""

    name: str
    is_new: bool


@dataclass(frozen=True, slots=True, eq=False)
class StudyAnalyst:
    """Answers one study after another; calling it gives the name of the study's row.

    rows/NAME.json holds the summary of a study; NAME says its content and all that was asked of it, so that any later
    call, engine or host finds it. seen/LISTING says which content a folder had whose files have not changed since (by
    names, sizes and times), so that a study is not read again to be found.

    Parameters
    ----------
    identity
        Of what is asked.
    with_objects
        Whether result objects are written.
    """

    context: AnalysisContext
    out: Path
    identity: str
    with_objects: bool

    def __call__(self, folder: Path) -> KeptRow | LostTask:
        if not folder.is_dir():
            return LostTask("its folder is not there, or not seen from the host that tried")
        try:
            name = self._name_of(folder)
            is_new = not (self.out / ROWS / f"{name}.json").exists()
            if is_new:
                self._keep(name, self._summary_of(folder, name))
        except (NotWritable, MemoryError):  # no fault of this study's content
            raise
        except OSError as error:
            return LostTask(f"a file cannot be read: {error.strerror}")
        except (MomeError, DicomError) as error:
            return LostTask(str(error))
        except Exception as error:  # noqa: BLE001 - the others go on; a library's words may name a patient
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = type(error).__name__
            log.warning("a study of a batch failed", extra={"error": kind, "place": f"{where.filename}:{where.lineno}"})
            return LostTask(f"a library failed with it ({kind} in {Path(where.filename).name}, line {where.lineno})")
        return KeptRow(name, is_new)

    def _name_of(self, folder: Path) -> str:
        """The name of the study's row."""
        seen = self.out / SEEN / listing_digest(folder)
        if not seen.exists():
            write_whole(seen, content_digest(folder).encode())
        return hashlib.sha256(json.dumps([seen.read_text(), self.identity]).encode()).hexdigest()[:32]

    def _summary_of(self, folder: Path, name: str) -> AnalysisSummary:
        """Analyse the study, and write its objects where they are wanted."""
        if is_nifti_study(folder):
            return summarize_nifti(analyze_nifti(folder, self.context), self.context)
        paths = dicom_files(folder)
        if not paths:
            return AnalysisSummary("The folder holds no DICOM or NIfTI file.", Ineligibility.NO_MR_IMAGE)
        outcome = analyze_study(paths, self.context)
        if self.with_objects and outcome.objects is not None:
            self._write_objects(outcome.objects, name)
        return summarize(outcome)

    def _write_objects(self, objects: ResultObjects, name: str) -> None:
        """Write the objects; NotWritable when the disk does not take them."""
        try:
            write_result_files(objects, self.out / OBJECTS / name)
        except OSError as error:
            raise NotWritable(f"{self.out / OBJECTS / name} cannot be written: {error.strerror}") from error

    def _keep(self, name: str, summary: AnalysisSummary) -> None:
        """Write the row, whole; from now on the study is answered."""
        write_whole(self.out / ROWS / f"{name}.json", json.dumps(summary.to_json()).encode())
