"""What the ledger takes and gives: plain data, no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from dicom_io.network.dimse import is_kept
from mome_core.assessment import Verdict
from mome_core.results import Endpoint
from mome_core.visits import Visit
from node.audit import NO_FIELDS, AuditEvent, AuditFields
from node.jobs import JobKind, JobState, Priority
from node.reasons import Reason, StableCode
from node.states import StudyEvent, StudyState
from node.summary import AnalysisSummary

EncodedObject = tuple[str, str, str, str, bytes]  # kind, SOP class, SOP instance, series, file content

REPORT_KIND = "report"  # Kind.REPORT, without loading pydicom with every ledger; alone it has older SOP classes
REJECTION_KIND = "rejection"  # Kind.REJECTION, likewise


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance whose file is durable; only its row is missing before the sender gets its response.

    Parameters
    ----------
    patient_digest
        Tells two patients apart without naming either (node.patient_digest).
    path
        Of the file, relative to the storage root.
    kind, slice_position
        Which part of its scanner's protocol it is, and where it lies (dicom_io.encoding.arrival).
    host_id
        Number of the host that keeps the file; None where there is one host only.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    patient_digest: str
    sha256: str
    path: str
    size_bytes: int
    calling_ae_title: str
    kind: str = ""
    slice_position: int | None = None
    called_ae_title: str = ""
    host_id: int | None = None


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """An instance that is stored, and where."""

    sop_class_uid: str
    sop_instance_uid: str
    sha256: str
    path: str


class StoreOutcome(StrEnum):
    """What the ledger did with an instance that was handed to it."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SET_ASIDE = "set aside"  # of another patient: kept apart until an operator decides


@dataclass(frozen=True, slots=True)
class KeptObject:
    """A result object on disk, path relative to the storage root of the host that keeps it."""

    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    sha256: str
    path: str
    host_id: int | None = None


@dataclass(frozen=True, slots=True)
class StudyRevision:
    """One revision of a study that is to be analysed.

    Parameters
    ----------
    predecessor
        The report of an earlier revision, which this one supersedes.
    progress
        Called with (stage, done, planned) while it is analysed.
    senders
        Calling AE titles of its images.
    earlier
        What earlier studies of its patient gave, as this node knows them.
    """

    study_instance_uid: str
    revision: int
    predecessor: KeptObject | None = None
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False)
    called_ae_title: str = ""
    senders: tuple[str, ...] = ()
    earlier: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyAnalysis:
    """The analysis of one study: objects to deliver, a summary for people, and why there is no score."""

    objects: tuple[EncodedObject, ...]
    summary: AnalysisSummary
    ineligible: Reason | None = None


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """The analysis of one revision once its objects are on disk, with the destinations that are to get them."""

    objects: tuple[KeptObject, ...]
    summary: AnalysisSummary
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FinishedAnalysis:
    """The analysis of one revision as people are told it; `finished_at` in seconds since 1970, UTC."""

    summary: AnalysisSummary
    finished_at: float


@dataclass(frozen=True, slots=True)
class ObjectReceipt:
    """What a destination answered for one object (DIMSE status), and when it committed to keep it."""

    sop_instance_uid: str
    status: int
    comment: str = ""
    committed_at: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it has the object, with or without a warning."""
        return is_kept(self.status)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a reader said of the result of one revision.

    Parameters
    ----------
    at
        Seconds since 1970, UTC.
    endpoint
        Which score it is about; None: the result as a whole.
    reader
        Account that said so; empty for a document.
    calling_ae_title, sop_instance_uid
        Who sent the document that said so, and which it is; empty for an account.
    comment
        As the ledger keeps it: under seal (node.search_key), empty for none.
    """

    revision: int
    at: float
    verdict: Verdict
    endpoint: Endpoint | None = None
    reader: str = ""
    calling_ae_title: str = ""
    sop_instance_uid: str = ""
    comment: str = ""

    @property
    def by(self) -> str:
        """Who said so: the account, or the AE title that sent the document."""
        return self.reader or self.calling_ae_title


@dataclass(frozen=True, slots=True)
class AssessedAnalysis:
    """What a reader said, with the analysis that it is about; `scanner` is the AE title that sent the first image."""

    study_instance_uid: str
    assessment: Assessment
    summary: AnalysisSummary
    scanner: str


@dataclass(frozen=True, slots=True)
class AnsweredStudy:
    """The answer that stands of a study, and the path of its first instance, which says when it was made."""

    study_instance_uid: str
    summary: AnalysisSummary
    path: str


@dataclass(frozen=True, slots=True)
class ArrivedDocument:
    """A document that somebody sent about a study that we answered; `id` grows with each instance that arrives."""

    id: int
    study_instance_uid: str
    sop_instance_uid: str
    sha256: str
    path: str
    calling_ae_title: str
    received_at: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said about a study that we answered: a document, with where it came from, a verdict, or both.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid, sha256, path
        Of the document; empty for a verdict that was given on the dashboard.
    assessment
        None for a document that does not judge a result of ours.
    """

    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    sha256: str
    path: str
    calling_ae_title: str
    received_at: float
    assessment: Assessment | None = None


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One line of the worklist. Times: seconds since 1970, UTC.

    Parameters
    ----------
    missing
        Images that earlier studies of its protocol had more, while it is arriving; 0: none that we know of.
    called_ae_title
        Of this node, by its first image; empty where nobody called.
    """

    id: int
    study_instance_uid: str
    state: StudyState
    revision: int
    instances: int
    first_received_at: float
    last_received_at: float
    state_since: float
    conflict: bool
    reason: str
    missing: int = 0
    reason_code: StableCode | None = None
    priority: Priority = Priority.ROUTINE
    called_ae_title: str = ""

    @property
    def awaits(self) -> str:
        """How far it is behind the site's earlier studies; empty when it is not."""
        images = "1 image" if self.missing == 1 else f"{self.missing} images"
        return f"{images} fewer than in earlier studies of its protocol" if self.missing else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow(StudyRecord):
    """A study inside a transaction.

    Parameters
    ----------
    judged_instances
        How many it had when its content was last compared with that of earlier studies.
    content
        Digest of what it held when it was complete, empty when that taught nothing.
    """

    patient_digest: str
    judged_instances: int
    content: str


@dataclass(frozen=True, slots=True)
class StudyObject:
    """An object that is an instance of a study, or was set aside beside it (then `reason` says why)."""

    id: int
    instance: StoredInstance
    received_at: float
    reason: StableCode | None = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job inside a transaction; `fence` grows with every attempt."""

    id: int
    study_id: int
    kind: JobKind
    revision: int
    destination: str
    state: JobState
    attempts: int
    fence: int


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as the operator sees it."""

    kind: JobKind
    destination: str
    revision: int
    state: JobState
    attempts: int
    not_before: float
    reason: str
    receipts: tuple[ObjectReceipt, ...] = ()
    reason_code: StableCode | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One event of a study's history, or of the node's; a transition of a study has both states."""

    at: float
    event: AuditEvent | StudyEvent
    from_state: StudyState | Literal[""]
    to_state: StudyState | Literal[""]
    revision: int
    detail: str
    fields: AuditFields = NO_FIELDS


@dataclass(frozen=True, slots=True)
class StudyDetail:
    """Everything the ledger knows of one study; `summary`: of its newest analysed revision, None before the first."""

    study: StudyRecord
    jobs: tuple[JobRecord, ...]
    objects: tuple[KeptObject, ...]
    timeline: tuple[AuditRecord, ...]
    summary: AnalysisSummary | None = None
