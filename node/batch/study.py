"""One study of a batch: found among the rows that exist, or analysed and kept as one."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_io.errors import DicomError
from dicom_io.files import dicom_files
from mome_core.errors import Ineligibility, MomeError, NumericsFault
from mome_core.training.errors import NotWritable
from mome_core.training.files import write_whole
from node.analysis import AnalysisContext, analyze_study, summarize
from node.cases import content_digest, listing_digest
from node.engines.engine import LostTask
from node.nifti_analysis import analyze_nifti, summarize_nifti
from node.nifti_folders import is_nifti_study
from node.result_files import write_result_files
from node.summary import AnalysisSummary

log = logging.getLogger(__name__)
ROWS, OBJECTS, SEEN = "rows", "objects", "seen"


class _InFolder(Protocol):
    """Something with a folder."""

    @property
    def folder(self) -> Path: ...


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

    def __call__(self, study: _InFolder) -> str | LostTask:
        try:
            name = self._name_of(study.folder)
            if not (self.out / ROWS / f"{name}.json").exists():
                self._keep(name, self._summary_of(study.folder, name))
        except NotWritable:  # the folder takes no more: no fault of this study
            raise
        except OSError as error:
            return LostTask(f"a file cannot be read: {error.strerror}")
        except (MomeError, DicomError, NumericsFault, ValueError) as error:
            return LostTask(str(error))
        except MemoryError:
            raise
        except Exception as error:  # a library failed with one study; the others go on, and its text may name a patient
            log.exception("a study of a batch failed")
            return LostTask(f"a library failed with it ({type(error).__name__})")
        return name

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
        paths = dicom_files(folder) if folder.is_dir() else []
        if not paths:
            return AnalysisSummary("The folder holds no DICOM or NIfTI file.", Ineligibility.NO_MR_IMAGE)
        outcome = analyze_study(paths, self.context)
        if self.with_objects and outcome.objects is not None:
            write_result_files(outcome.objects, self.out / OBJECTS / name)
        return summarize(outcome)

    def _keep(self, name: str, summary: AnalysisSummary) -> None:
        """Write the row, whole; from now on the study is answered."""
        write_whole(self.out / ROWS / f"{name}.json", json.dumps(summary.to_json()).encode())
