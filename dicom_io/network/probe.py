"""Read-only queries to a peer: which SOP classes it accepts, and which series of a study it holds."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from dicom_io.errors import PeerUnreachable
from dicom_io.network.scu import Remote, Timeouts, associate

_PENDING = frozenset({0xFF00, 0xFF01})


def accepted_classes(calling_ae_title: str, remote: Remote, sop_classes: Iterable[str]) -> set[str]:
    """The subset of these SOP classes that the peer accepts; raises PeerUnreachable."""
    contexts = [build_context(UID(each)) for each in sop_classes]
    association = associate(calling_ae_title, remote, contexts, Timeouts())
    accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    association.release()
    return accepted


def series_descriptions(calling_ae_title: str, remote: Remote, study_instance_uid: str) -> list[str]:
    """Descriptions of the series of a study that the peer holds (C-FIND); raises PeerUnreachable."""
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_instance_uid
    query.SeriesInstanceUID = query.SeriesDescription = ""
    contexts = [build_context(StudyRootQueryRetrieveInformationModelFind)]
    association = associate(calling_ae_title, remote, contexts, Timeouts())
    try:
        if not association.accepted_contexts:
            raise PeerUnreachable(f"{remote.name}: answers no queries (Study Root C-FIND)")
        found = association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)
        responses = [data for status, data in found if status and status.Status in _PENDING and data is not None]
    finally:
        association.release()
    return [str(each.get("SeriesDescription", "")) for each in responses]
