"""Keeps the search up to date: reads the headers of studies that are new, complete, or indexed by another key."""

from __future__ import annotations

import time

from dicom_io.labels import Labels, read_labels, read_patient
from node.entity_settings import priority_by
from node.jobs import Priority
from node.patient_digest import is_made_by
from node.patient_search import RowLabels, digests_of, terms_of
from node.search_key import SearchKey
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.search_index import SearchIndex, Unindexed

_FORMAT = 2  # of what the ledger keeps: with the patient's digest under the same key
_STUDIES_AT_ONCE = 20  # each costs a header for each series; the sweep comes round every second


class StudyIndexer:
    """Indexes studies; the key is read, or made, once."""

    def __init__(self, settings: Settings, archive: Archive, ledger: Ledger) -> None:
        self.settings, self.ledger, overview = settings, ledger, Overview(ledger.engine)
        self.archive, self.overview = archive, overview
        self.index = SearchIndex(overview.engine)
        self.key = SearchKey.open(settings.storage.search_key_path)
        self.shown = settings.dashboard.patients
        self.version = f"{self.key.fingerprint} {self.shown} {_FORMAT}"

    def run(self) -> int:
        """Index some of the studies that need it, newest first; gives how many."""
        return sum(
            self._index(each) for each in self.index.unindexed(self.version, _STUDIES_AT_ONCE, self.archive.uuid)
        )

    def _index(self, study: Unindexed) -> bool:
        """From the first image of every series: patient and order are those of the study, or a conflict."""
        series = self.overview.series(study.id)
        labels = [read_labels(self.archive.root / each.path) for each in series]
        scanner = series[0].calling_ae_title if series else ""
        first = labels[0] if labels else Labels()
        if study.is_new and series:
            self._prioritise(study, scanner, first.study_description)
        row = RowLabels.of(first, self.shown).sealed(self.key)
        digests = digests_of(terms_of(labels, scanner), self.key)
        if not self.index.index(study, self.version, scanner, row, digests):
            return False
        if series and not is_made_by(study.patient_digest, self.key.fingerprint):
            patient = self.key.patient(read_patient(self.archive.root / series[0].path))
            self.index.know_patient(study.id, study.patient_digest, patient)
        return True

    def _prioritise(self, study: Unindexed, scanner: str, description: str) -> None:
        """Give a new study the priority that the settings want; what a person says later stays."""
        entity = self.settings.entity_called(study.called_ae_title)
        priority, setting = priority_by(self.settings.priorities, entity, scanner, description)
        if priority is not Priority.ROUTINE:
            uid, now = study.study_instance_uid, time.time()
            self.ledger.operator.prioritise(uid, priority, setting, now, is_person=False)
