"""UPS-RS, user agent: workitems of a worklist server are found, claimed, reported on and ended (PS3.18 11)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import httpx2
from pydicom.dataset import Dataset

from dicom_io.encoding.codes import code_item
from dicom_io.errors import DicomError, PeerFault, PeerUnreachable

FinalAttributes = Dataset
"""What `performed` and `discontinued` give to `UpsClient.update`."""
_JSON = "application/dicom+json"
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_SEARCHED = ("SOPInstanceUID", "ProcedureStepState", "InputInformationSequence")


class WorkitemState(StrEnum):
    """Procedure Step State (0074,1000)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class WorkitemRefused(DicomError):
    """The server answered, and did not do what was asked with a workitem."""


@dataclass(frozen=True, slots=True)
class Workitem:
    """What a performer needs to know of one; `studies`: the Study Instance UIDs of its input."""

    uid: str
    state: WorkitemState
    studies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkitemOutput:
    """One object that was made."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class UpsClient:
    """Speaks to one worklist server; raises PeerUnreachable without an answer, WorkitemRefused for a refusal.

    Parameters
    ----------
    ae_title
        By which this node claims workitems.
    token
        Bearer token; empty: none.
    """

    name: str
    url: str
    ae_title: str
    verify: ssl.SSLContext
    token: str = ""
    seconds: float = 30.0

    def search(self, state: WorkitemState, filters: Mapping[str, str], limit: int) -> list[Workitem]:
        """Workitems in this state that match these attributes."""
        query = {**filters, "ProcedureStepState": str(state), "limit": str(limit), "includefield": ",".join(_SEARCHED)}
        return self._workitems(self._request("GET", "/workitems", params=query))

    def find(self, uid: str) -> Workitem:
        """One workitem as it is now; an answer without one is a refusal."""
        for found in self._workitems(self._request("GET", f"/workitems/{uid}")):
            return found
        raise WorkitemRefused(f"{self.name}: UPS-RS does not show the workitem")

    def change_state(self, uid: str, transaction_uid: str, state: WorkitemState) -> None:
        """Claim a workitem (IN PROGRESS) or end it."""
        change = Dataset()
        change.TransactionUID, change.ProcedureStepState = transaction_uid, str(state)
        self._request("PUT", f"/workitems/{uid}/state/{self.ae_title}", content=change)

    def update(self, uid: str, transaction_uid: str, change: Dataset) -> None:
        """Set attributes of a workitem that is ours."""
        self._request("POST", f"/workitems/{uid}", params={"transaction-uid": transaction_uid}, content=change)

    def _request(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, content: Dataset | None = None
    ) -> httpx2.Response:
        headers = {"Accept": _JSON} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        body: dict[str, Any] = {}
        if content is not None:
            headers["Content-Type"] = _JSON
            body = {"json": [content.to_json_dict()]}
        try:
            with httpx2.Client(timeout=self.seconds, verify=self.verify, headers=headers) as session:
                response = session.request(method, self.url + path, params=params, **body)
        except httpx2.HTTPError as error:
            words = f"{self.name}: no answer of UPS-RS ({type(error).__name__})"
            raise PeerUnreachable(words, PeerFault.NO_ANSWER) from None
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in _PASSING:
            words = f"{self.name}: UPS-RS was answered with HTTP {response.status_code}"
            raise PeerUnreachable(words, PeerFault.WEB_FAILED)
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            words = f"{self.name}: UPS-RS was answered with HTTP {response.status_code}: check its token"
            raise PeerUnreachable(words, PeerFault.WEB_UNAUTHORIZED)
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise WorkitemRefused(f"{self.name}: UPS-RS was refused with HTTP {response.status_code}")
        return response

    def _workitems(self, response: httpx2.Response) -> list[Workitem]:
        if response.status_code == HTTPStatus.NO_CONTENT:
            return []
        with suppress(Exception):  # pydicom raises many kinds for what is no DICOM JSON
            content = response.json()
            if isinstance(content, list):
                return [_workitem(Dataset.from_json(each)) for each in content]
        raise PeerUnreachable(f"{self.name}: the answer is no workitem in DICOM JSON", PeerFault.NOT_DICOM)


def _workitem(found: Dataset) -> Workitem:
    studies = (str(each.get("StudyInstanceUID", "")) for each in found.get("InputInformationSequence", []))
    distinct = tuple(dict.fromkeys(each for each in studies if each))
    return Workitem(str(found.SOPInstanceUID), WorkitemState(found.ProcedureStepState), distinct)


def progress_of(percent: int, words: str) -> Dataset:
    """Progress of a workitem, in percent and words."""
    item, change = Dataset(), Dataset()
    item.ProcedureStepProgress, item.ProcedureStepProgressDescription = str(percent), words
    change.ProcedureStepProgressInformationSequence = [item]
    return change


def performed(station: str, began: float, ended: float, outputs: Iterable[WorkitemOutput]) -> Dataset:
    """What the Final State of a completed workitem needs (PS3.4 table CC.2.5-3); times in seconds since 1970, UTC."""
    item, change = Dataset(), Dataset()
    item.PerformedStationNameCodeSequence = [code_item(station, "99MOMENODE", station)]
    item.PerformedWorkitemCodeSequence = [code_item("110004", "DCM", "Computer Aided Diagnosis")]
    item.PerformedProcedureStepStartDateTime, item.PerformedProcedureStepEndDateTime = _moment(began), _moment(ended)
    item.OutputInformationSequence = _outputs(list(outputs))
    change.UnifiedProcedureStepPerformedProcedureSequence = [item]
    return change


def discontinued(words: str, now: float) -> Dataset:
    """What a workitem that is canceled says of it."""
    item, change = Dataset(), Dataset()
    item.ProcedureStepCancellationDateTime, item.ReasonForCancellation = _moment(now), words
    reason = code_item("110513", "DCM", "Discontinued for unspecified reason")
    item.ProcedureStepDiscontinuationReasonCodeSequence = [reason]
    change.ProcedureStepProgressInformationSequence = [item]
    return change


def _outputs(outputs: Sequence[WorkitemOutput]) -> list[Dataset]:
    """One item for each series (PS3.3 table 10-3b)."""
    series: dict[tuple[str, str], Dataset] = {}
    for each in outputs:
        key = (each.study_instance_uid, each.series_instance_uid)
        if key not in series:
            item = series[key] = Dataset()
            item.TypeOfInstances, item.StudyInstanceUID, item.SeriesInstanceUID = "DICOM", *key
            item.ReferencedSOPSequence = []
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = each.sop_class_uid, each.sop_instance_uid
        series[key].ReferencedSOPSequence.append(reference)
    return list(series.values())


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S+0000")
