"""MOME Node at a Python prompt: open a bundle, read a study, analyse it, look at it, write DICOM objects, train.

Names in `__all__`, and what docs/python.md says of them, are public: they keep their meaning within a minor version.
Everything else may change at any time. Research use only.
"""

from __future__ import annotations

from dicom_io.errors import DicomError
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.study.roles import SeriesRole
from mome_core.case import Case, Modality, Role
from mome_core.errors import MomeError, StudyIneligible
from mome_core.measurements import Measurements
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import Policy
from mome_core.results import Contribution, Endpoint, Result, Saliency, Score
from mome_core.volume import Dynamic, Volume
from mome_node.analysis import Analysis, analyze
from mome_node.bundle import open_bundle
from mome_node.phantom import write_phantom
from mome_node.study import Study, read_study
from mome_node.training import train
from node.errors import NodeError
from node.training_report import TrainingReport
from sr_templates.kinds import Kind

__all__ = [
    "Analysis",
    "Case",
    "Checkpoint",
    "Contribution",
    "DicomError",
    "Dynamic",
    "Endpoint",
    "Kind",
    "Lesion",
    "Measurements",
    "Modality",
    "MomeError",
    "NodeError",
    "PhantomSpec",
    "Policy",
    "Result",
    "Role",
    "Saliency",
    "Score",
    "SeriesRole",
    "Size",
    "Study",
    "StudyIneligible",
    "TrainingReport",
    "Volume",
    "analyze",
    "open_bundle",
    "read_study",
    "train",
    "write_phantom",
]
