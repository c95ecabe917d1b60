"""Earlier node reports of a patient that an archive holds: another node's, or those from before this node's ledger.

Nobody can prove who wrote a report; one counts where patient, study and the digest of its record agree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_io.encoding.patient import PatientIdentity
from dicom_io.errors import NotAnInstance, PeerUnreachable
from dicom_io.identification import StudyIdentification, read_identification
from dicom_io.network.patient_studies import HeldStudy, documents_of, studies_of
from dicom_io.network.remote import Remote
from mome_core.visits import Visit
from node.settings import Settings
from sr_templates.errors import EvidenceRefused
from sr_templates.reading.earlier_report import EarlierReport, read_earlier

log = logging.getLogger(__name__)
_MOST_STUDIES = 20
_OURS = "AI "  # how descriptions of our series begin


@dataclass(frozen=True, slots=True)
class PriorReports:
    """What an archive knows of a patient's earlier results.

    Parameters
    ----------
    archive
        None: nobody is asked.
    knows
        Whether the ledger has a study of this UID; such a study is left to it.
    """

    archive: Remote | None
    calling_ae_title: str
    knows: Callable[[str], bool]

    @classmethod
    def of_settings(cls, settings: Settings, name: str, knows: Callable[[str], bool]) -> PriorReports:
        """With the destination of this name; none for an empty one."""
        archive = next((each for each in settings.destinations if each.name == name), None)
        return cls(archive, settings.dicom.ae_title, knows)

    def before(self, study_instance_uid: str, image: Path) -> tuple[Visit, ...]:
        """The results of studies before this one that the ledger does not know; none where the archive does not answer.

        Parameters
        ----------
        image
            One of the study's: it says whose it is, and when it was made.
        """
        if self.archive is None:
            return ()
        try:
            said = read_identification(image)
            return tuple(self._found(self.archive, study_instance_uid, said)) if said.study_date else ()
        except (PeerUnreachable, NotAnInstance) as error:
            fault = error.fault if isinstance(error, PeerUnreachable) else "unreadable image"
            log.warning("earlier reports could not be asked for", extra={"archive": self.archive.name, "fault": fault})
            return ()

    def _found(self, archive: Remote, ours: str, said: StudyIdentification) -> Iterator[Visit]:
        patient = PatientIdentity.of_texts(
            said.patient_id, said.patient_id_issuer, said.patient_name, said.birth_date, said.sex
        )
        for study in self._earlier_studies(archive, said, patient):
            if study.study_instance_uid == ours or self.knows(study.study_instance_uid):
                continue
            standing = _standing(self._documents(archive, study), study.study_instance_uid, patient)
            if standing is not None:
                yield replace(standing, date=study.moment[0])

    def _earlier_studies(self, archive: Remote, said: StudyIdentification, patient: PatientIdentity) -> list[HeldStudy]:
        """Studies of nobody else that were made before, the newest of them; answers seldom name an issuer."""
        moment, whoever = (said.study_date, said.study_time[:6]), patient.without_issuer()
        found = studies_of(self.calling_ae_title, archive, said.patient_id, said.study_date)
        earlier = [each for each in found if each.moment < moment]
        theirs = [each for each in earlier if each.patient.without_issuer().is_issued_to(whoever)]
        return sorted(theirs, key=lambda each: each.moment)[-_MOST_STUDIES:]

    def _documents(self, archive: Remote, study: HeldStudy) -> Iterator[EarlierReport]:
        """Reports and rejection notes of one study that may be ours; what cannot be read is passed over."""
        for data_set in documents_of(self.calling_ae_title, archive, study.study_instance_uid, _OURS):
            try:
                yield read_earlier(data_set)
            except EvidenceRefused:
                log.warning("a document of an archive could not be read", extra={"archive": archive.name})


def _standing(documents: Iterable[EarlierReport], uid: str, patient: PatientIdentity) -> Visit | None:
    """What the one report says that nothing has replaced or rejected; None where several stand, or none.

    Every document must name the patient and the study in full: an archive's answer alone proves neither.
    """
    of_study = [each for each in documents if each.study_instance_uid == uid]
    found = [each for each in of_study if PatientIdentity.of_texts(*each.patient).is_issued_to(patient)]
    gone = frozenset().union(*(each.replaced for each in found))
    standing = [each.visit for each in found if each.visit is not None and each.sop_instance_uid not in gone]
    return standing[0] if len(standing) == 1 else None
