"""Results that other systems are told of: one made by hand, and a site whose study waits for its delivery."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from dicom_io.encoding.part10 import InstanceFile
from dicom_io.identification import StudyIdentification
from dicom_io.network.service import Peer
from kept_studies import encoded
from live_node import instance, report
from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Endpoint, QualityFlag, Severity
from node.integrations.content import PreliminaryResult
from node.jobs import JobKind, RetryPolicy
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject
from node.summary import AnalysisSummary, ModelSummary, ScoreSummary
from reader_documents import add_score_group

STUDY, REPORT = "1.2.3", "2.25.99"
PATIENT = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Müller^Anna^B.^Dr.^jr.=ミュラー^アンナ",
    "PatientID": "P|1^2",
    "IssuerOfPatientID": "HOSPITAL",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "AccessionNumber": "A&77",
    "StudyDate": "20261129",
    "StudyTime": "081530.25",
    "TimezoneOffsetFromUTC": "+0100",
    "ReferringPhysicianName": "House^Gregory",
    "PlacerOrderNumberImagingServiceRequest": "PLACER-1",
    "FillerOrderNumberImagingServiceRequest": "FILLER-1",
}
_OPTIONAL = (
    "patient_id_issuer patient_name birth_date sex accession_number study_date study_time timezone "
    "referring_physician placer_order filler_order"
)
UNKNOWN = dict.fromkeys(_OPTIONAL.split(), "")
"""All that a study need not say of itself."""
MODEL = ModelSummary("MOME demo", "1.0", "ab" * 32)
SCORE = ScoreSummary(Endpoint.MALIGNANCY, 0.731, 0.5, 0.02, 8, {Modality.DCE: 0.2}, 0.5, MODEL, Call.POSITIVE)
FLAG = QualityFlag("MOTION", Severity.WARNING, "the phases do not lie on each other | look at them")
SUMMARY = AnalysisSummary(scores=(SCORE,), flags=(FLAG,), modalities=(Modality.DCE,))
NOT_ANALYSED = AnalysisSummary(reason="there is no pre-contrast phase", code="PRE_CONTRAST_MISSING")


def told_result(summary: AnalysisSummary = SUMMARY, *, withdrawn: bool = False) -> PreliminaryResult:
    """A result with identifiers that hold every delimiter there is."""
    identification = StudyIdentification(
        study_instance_uid=STUDY,
        patient_id=PATIENT["PatientID"],
        patient_id_issuer=PATIENT["IssuerOfPatientID"],
        patient_name=PATIENT["PatientName"],
        birth_date=PATIENT["PatientBirthDate"],
        sex=PATIENT["PatientSex"],
        accession_number=PATIENT["AccessionNumber"],
        study_date=PATIENT["StudyDate"],
        study_time=PATIENT["StudyTime"],
        timezone=PATIENT["TimezoneOffsetFromUTC"],
        study_description="MR breast",
        referring_physician=PATIENT["ReferringPhysicianName"],
        placer_order=PATIENT["PlacerOrderNumberImagingServiceRequest"],
        filler_order=PATIENT["FillerOrderNumberImagingServiceRequest"],
    )
    kept = KeptObject("report", "1.2.840.10008.5.1.4.1.1.88.34", REPORT, "2.25.98", "digest", "path")
    return PreliminaryResult(identification, kept, 1, 1_764_000_000.5, summary, withdrawn)


class AnsweredSite:
    """A node's ledger and archive with one study that is analysed and waits for its deliveries."""

    def __init__(self, folder: Path, *receivers: str, summary: AnalysisSummary = SUMMARY) -> None:
        self.archive = Archive(folder / "root")
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", RetryPolicy(first_seconds=0.0, longest_seconds=0.0))
        image = instance(STUDY, **PATIENT)
        file = InstanceFile(
            self.archive.temporary_path(), image.SOPClassUID, image.SOPInstanceUID, "1.2.840.10008.1.2.1"
        )
        file.write(memoryview(encoded(image)))
        kept = self.archive.keep_received([(file.finish(), Peer("MODALITY", "MOMENODE", "10.0.0.5"))])
        self.ledger.receiving.instances_stored(kept, 100.0)
        self.ledger.gathering.settle(150, 160)
        self.answer(receivers, self.archive.root / kept[0].path, summary)

    def answer(self, receivers: tuple[str, ...], image: Path, summary: AnalysisSummary) -> None:
        """Analyse it, as the worker does."""
        job = self.ledger.jobs.claim(JobKind.ANALYZE, 170, 60)
        assert job is not None
        made, content, source = report(image, job.revision), BytesIO(), dcmread(image)
        for keyword in PATIENT:
            setattr(made, keyword, source[keyword].value)
        for score in summary.scores:
            add_score_group(made, score.endpoint)
        made.save_as(content, enforce_file_format=True)
        self.report_uid = str(made.SOPInstanceUID)
        uids = (str(made.SOPClassUID), self.report_uid, str(made.SeriesInstanceUID))
        objects = self.archive.keep_results(STUDY, job.revision, [("report", *uids, content.getvalue())])
        self.ledger.jobs.analyzed(job, AnalysisRecord(tuple(objects), summary, receivers), 180)

    def job(self, receiver: str):
        """The delivery job to this receiver."""
        return next(each for each in self.ledger.reading.study(STUDY).jobs if each.destination == receiver)


def without(result: PreliminaryResult, **identifiers: str) -> PreliminaryResult:
    """The same with other identifiers."""
    return replace(result, identification=replace(result.identification, **identifiers))
