"""What all objects of one analysis share: patient, study, equipment, time, and the seed of their UIDs."""

from __future__ import annotations

import hashlib
import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from uuid import UUID, uuid5

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from sr_templates.dicom import codes
from sr_templates.dicom.device import Device, Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.text import plain, short
from sr_templates.kinds import Kind

_FORMAT_VERSION = "6"  # raise it when the same Result would be written differently
_NAMESPACE = UUID("6f3f2b0e-6c0c-5d0a-9a55-3a1f6d0c9be1")  # of every UID derived here; fixed for ever
_RESEARCH = "research use only"

# One fixed list for every object: entities that differ between objects of a study make archives split it (dcentvfy).
PATIENT_AND_STUDY = [
    "SpecificCharacterSet",
    "TimezoneOffsetFromUTC",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingService",
    "ProcedureCodeSequence",
    "ReferencedStudySequence",
    "AdmittingDiagnosesDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "Occupation",
    "AdditionalPatientHistory",
    "AdmissionID",
    "PatientSpeciesDescription",
    "LongitudinalTemporalInformationModified",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "OtherClinicalTrialProtocolIDsSequence",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "IssuerOfClinicalTrialSiteID",
    "ClinicalTrialSubjectID",
    "IssuerOfClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "IssuerOfClinicalTrialSubjectReadingID",
    "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber",
    "ClinicalTrialTimePointID",
    "IssuerOfClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription",
    "ClinicalTrialTimePointTypeCodeSequence",
    "LongitudinalTemporalOffsetFromEvent",
    "LongitudinalTemporalEventType",
    "ConsentForClinicalTrialUseSequence",
]
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
]
_TRIAL_TYPE_2 = ["ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName"]
"""Of the Clinical Trial Subject Module (PS3.3 C.7.1.3), which a source has or has not as a whole."""


def derived_uid(*parts: str) -> UID:
    """A UID that the same parts always give: 2.25 and a name-based UUID (PS3.5 B.2)."""
    return UID(f"2.25.{uuid5(_NAMESPACE, chr(10).join(parts)).int}")


@dataclass(frozen=True, eq=False)
class CommonAttributes:
    """Patient, study, equipment and UIDs that all objects of one revision share.

    Parameters
    ----------
    answered_by
        What decided the numbers besides the images, in a fixed order: model identities, policy, options.
    """

    evidence: Evidence
    device: Device
    run: Revision
    answered_by: tuple[str, ...]

    @cached_property
    def study_uid(self) -> UID:
        return UID(self.evidence.reference.StudyInstanceUID)

    @cached_property
    def input_digest(self) -> str:
        """SHA-256 over the SOP Instance UIDs of all inputs in ascending order, one a line, hexadecimal."""
        listing = "\n".join(str(header.SOPInstanceUID) for header in self.evidence.instances)
        return hashlib.sha256(listing.encode("ascii")).hexdigest()

    def uid(self, *parts: str) -> UID:
        """UID of a part of this common: same inputs, model and software give the same one on any day."""
        before = self.run.predecessor.sop_instance_uid if self.run.predecessor else ""
        signed_by = (_FORMAT_VERSION, self.device.software_version, str(self.device.uid), str(self.run.started or ""))
        beside = (repr(self.run.visits),) if self.run.visits else ()
        return derived_uid(self.study_uid, self.input_digest, *self.answered_by, *signed_by, before, *beside, *parts)

    def tracking_uid(self, what: str) -> UID:
        """Tracking UID, the same for every analysis of the study, so that revisions can be compared."""
        return derived_uid(self.study_uid, "tracking", what)

    @cached_property
    def offset(self) -> str:
        """Timezone Offset From UTC of every date and time in the objects; empty if unknown."""
        return str(self.evidence.reference.get("TimezoneOffsetFromUTC") or self.run.timezone)

    @cached_property
    def moment(self) -> datetime:
        """When the objects were made, in the study's time zone; see Revision for which moment that is."""
        if self.run.started is not None:
            return self.local(self.run.started)
        return max(map(_made_at, self.evidence.instances))

    def local(self, moment: datetime) -> datetime:
        """A moment with time zone as a clock in the study's own time zone shows it."""
        if not re.fullmatch(r"[+-]\d{4}", self.offset):
            return moment.replace(tzinfo=None)
        minutes = int(self.offset[1:3]) * 60 + int(self.offset[3:])
        zone = timezone(timedelta(minutes=-minutes if self.offset[0] == "-" else minutes))
        return moment.astimezone(zone).replace(tzinfo=None)

    @cached_property
    def first_series_number(self) -> int:
        """9000, or the next free thousand when the study already uses numbers from there."""
        taken = {int(header.get("SeriesNumber") or 0) // 1000 for header in self.evidence.instances}
        return 1000 * next(thousand for thousand in range(9, 2_000_000) if thousand not in taken)

    def new_instance(self, kind: Kind, *variant: str, **filled: str) -> Dataset:
        """A data set with everything that does not depend on the content: patient, study, series, equipment, SOP.

        Parameters
        ----------
        variant
            What tells objects of one kind apart (an option, a slice); part of the UIDs.
        filled
            What stands for each `{...}` of the series description.
        """
        label = kind.label
        instance = Dataset()
        self._identify(instance)
        instance.SOPClassUID = label.sop_class
        instance.SOPInstanceUID = self.uid("instance", kind, *variant)
        instance.SeriesInstanceUID = self.uid("series", kind)
        instance.SeriesNumber = self.first_series_number + label.number - 9000
        instance.SeriesDescription = self._description(label.description.format(**filled))
        instance.Modality = label.modality
        instance.InstanceNumber = 1
        self._sign(instance)
        instance.file_meta = file_meta(instance, self.device)
        return instance

    def _description(self, words: str) -> str:
        revision = f" rev {self.run.revision}" if self.run.revision > 1 else ""
        return short(f"{words}{revision} - {_RESEARCH}", 64)

    def _identify(self, instance: Dataset) -> None:
        """Repeat the patient and study attributes of the source, undecoded, in the source's character set."""
        source = self.evidence.reference
        for keyword in PATIENT_AND_STUDY:
            if keyword in source:
                instance[keyword] = deepcopy(source[keyword])
        for keyword in (*TYPE_2, *(_TRIAL_TYPE_2 if "ClinicalTrialProtocolID" in source else ())):
            if keyword not in instance:
                setattr(instance, keyword, "")
        if self.offset:
            instance.TimezoneOffsetFromUTC = self.offset

    def _sign(self, instance: Dataset) -> None:
        """Equipment, creation time, and who acquired the images."""
        device = self.device
        instance.Manufacturer = short(device.manufacturer, 64)
        instance.ManufacturerModelName = short(device.model_name, 64)
        instance.DeviceSerialNumber = device.serial_number
        instance.SoftwareVersions = short(device.software_version, 64)
        if device.station_name:
            instance.StationName = device.station_name
        instance.InstanceCreatorUID = device.uid
        date, time = self.moment.strftime("%Y%m%d"), self.moment.strftime("%H%M%S")
        for what in ("InstanceCreation", "Series", "Content"):
            setattr(instance, f"{what}Date", date)
            setattr(instance, f"{what}Time", time)
        instance.ContributingEquipmentSequence = [self._acquisition_equipment()]

    def _acquisition_equipment(self) -> Dataset:
        source = self.evidence.reference
        item = Dataset()
        item.Manufacturer = plain(str(source.get("Manufacturer") or "unknown"))
        for keyword in ("ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"):
            if source.get(keyword):
                item[keyword] = DataElement(keyword, "LO", source[keyword].value)
        item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.ACQUISITION_EQUIPMENT)]
        return item


def file_meta(instance: Dataset, device: Device) -> FileMetaDataset:
    """File meta information of an object in Explicit VR Little Endian, the same bytes for the same object."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = instance.SOPClassUID
    meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(device.implementation_class_uid)
    meta.ImplementationVersionName = device.implementation_version_name
    return meta


def _made_at(header: Dataset) -> datetime:
    """When a source image came to be, as well as its header knows."""
    for kind in ("Content", "Acquisition", "Series", "Study"):
        stamp = f"{header.get(f'{kind}Date') or ''}{header.get(f'{kind}Time') or '000000'!s:.6}"
        if re.fullmatch(r"\d{14}", stamp):
            return datetime.strptime(stamp, "%Y%m%d%H%M%S")
    return datetime(1900, 1, 1)
