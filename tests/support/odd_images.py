"""What hospitals do to the headers of their images; each edit is of one image."""

from __future__ import annotations

from pydicom.dataset import Dataset


def code(scheme: str, value: str = "MRBB") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "MR breast, both sides"
    return item


def local_procedure(image: Dataset) -> None:
    image.ProcedureCodeSequence = [code("99RIS"), code("99OTHER")]
    known = Dataset()
    known.CodingSchemeDesignator, known.CodingSchemeName = "99OTHER", "Codes of the other hospital"
    image.CodingSchemeIdentificationSequence = [known, Dataset()]


def trial(image: Dataset) -> None:
    image.ClinicalTrialSponsorName, image.ClinicalTrialProtocolID = "Sponsor", "PROTOCOL-1"
    image.ClinicalTrialSubjectID, image.PatientIdentityRemoved = "S-001", "YES"
    image.DeidentificationMethod, image.LongitudinalTemporalInformationModified = "by hand", "MODIFIED"


def lossy(image: Dataset) -> None:
    image.LossyImageCompression, image.BurnedInAnnotation = "01", "YES"
    image.LossyImageCompressionRatio, image.LossyImageCompressionMethod = "8.5", "ISO_10918_1"


def no_frame_of_reference(image: Dataset) -> None:
    del image.FrameOfReferenceUID
