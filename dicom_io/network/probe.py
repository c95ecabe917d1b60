"""Read-only queries to a peer: which SOP classes it accepts, and which series of a study it holds."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from itertools import islice

from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.dimse import Command, CommandElement, CommandField
from dicom_io.network.remote import Remote, address_of
from dicom_io.network.requestor import associate

_MOST_ANSWERS = 10_001
_MODEL = str(StudyRootQueryRetrieveInformationModelFind)


def accepted_classes(calling_ae_title: str, remote: Remote, sop_classes: Iterable[str]) -> set[str]:
    """The subset of these SOP classes that the peer accepts; raises PeerUnreachable."""
    contexts = [build_context(UID(each)) for each in sop_classes]
    try:
        with associate(calling_ae_title, remote, contexts) as association:
            return set(association.agreed.abstract_syntax.values())
    except PeerUnreachable as error:
        if error.fault is PeerFault.CLASS_REFUSED:
            return set()
        raise


def series_descriptions(calling_ae_title: str, remote: Remote, study_instance_uid: str) -> list[str]:
    """Descriptions of the series of a study that the peer holds (C-FIND); raises PeerUnreachable."""
    found = find(calling_ae_title, remote, "SERIES", series_query(study_instance_uid))
    return [str(each.get("SeriesDescription", "")) for each in found]


def series_query(study_instance_uid: str) -> Dataset:
    """Asks for the series of one study, with modality and description."""
    query = Dataset()
    query.StudyInstanceUID = study_instance_uid
    query.SeriesInstanceUID = query.SeriesDescription = query.Modality = ""
    return query


def find(calling_ae_title: str, remote: Remote, level: str, query: Dataset) -> list[Dataset]:
    """What the peer holds that matches (C-FIND, study root), at most 10,000 answers; raises PeerUnreachable.

    Parameters
    ----------
    level
        STUDY or SERIES.
    """
    query.QueryRetrieveLevel = level
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: _MODEL,
        CommandElement.COMMAND_FIELD: int(CommandField.C_FIND_RQ),
        CommandElement.PRIORITY: 0,
    }
    context = build_context(_MODEL, ImplicitVRLittleEndian)
    with associate(calling_ae_title, remote, [context]) as association:
        (context_id,) = association.contexts_of(_MODEL).values()
        answers = association.responses(context_id, command, encode(query, True, True) or b"")
        responses = [*islice(answers, _MOST_ANSWERS)]
    if responses[-1].status:
        message = f"{address_of(remote)} answers the query with status {responses[-1].status:04X}"
        raise PeerUnreachable(message, PeerFault.REQUEST_FAILED)
    return [decode(BytesIO(each.data_set), True, True) for each in responses[:-1]]
