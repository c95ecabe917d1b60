"""STOW-RS: images over the web, each acknowledged when it is as durable as one that came by C-STORE (PS3.18 10.5)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Protocol

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from dicom_io.encoding.file_meta import FileMeta
from dicom_io.encoding.part10_stream import Part10Stream
from dicom_io.errors import NotAnInstance
from dicom_io.network.contexts import LOSSLESS, NATIVE
from dicom_io.network.dimse import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS
from dicom_io.network.multipart import MultipartStream, NotMultipart, boundary_of
from dicom_io.network.service import InstanceRefused, InstanceWriter, Peer, StoreRequest
from dicom_io.network.stow import InstanceOutcome, store_result
from node.dashboard.guard import UPLOADS
from node.dashboard.rights import Sender, address_of
from node.settings import Settings

log = logging.getLogger(__name__)
SYNTAX_NOT_SUPPORTED = 0xC122  # PS3.18 table I.2-2
_SYNTAXES = frozenset(str(each) for each in (*NATIVE, *LOSSLESS))
_CHUNK_SECONDS = 60.0  # a sender that is silent for longer is gone
_MOST_INSTANCES = 20_000
_JSON = "application/dicom+json"
router = APIRouter(include_in_schema=False)


class _IncomingImage(InstanceWriter, Protocol):
    """Where one instance goes while it arrives."""

    def require_study(self, study_instance_uid: str) -> None:
        """Refuse it at its end if it belongs to another study."""


class ImageReception(Protocol):
    """Keeps images; the listener's storage service does."""

    def open(self, peer: Peer, request: StoreRequest) -> _IncomingImage:
        """An instance begins; may raise InstanceRefused or OSError."""

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """A request ended; `why` is empty when it ended well."""


class Uploads:
    """Requests that bring images, so many at a time."""

    def __init__(self, reception: ImageReception, settings: Settings) -> None:
        self.reception = reception
        self.ae_title = settings.dicom.ae_title
        self.places = threading.BoundedSemaphore(settings.web_store.uploads)


class _StoreRequest:
    """The parts of one request, each kept as soon as it is whole."""

    def __init__(self, reception: ImageReception, peer: Peer, study_instance_uid: str) -> None:
        self.reception, self.peer, self.study = reception, peer, study_instance_uid
        self.outcomes: list[InstanceOutcome] = []
        self.file: Part10Stream | None = None
        self.meta: FileMeta | None = None
        self.writer: _IncomingImage | None = None
        self.failure = SUCCESS

    def begin(self) -> None:
        """A part begins."""
        if len(self.outcomes) >= _MOST_INSTANCES:
            raise NotMultipart(f"more than {_MOST_INSTANCES} instances in one request")
        self.file, self.meta, self.writer, self.failure = Part10Stream(self.opened), None, None, SUCCESS

    def opened(self, meta: FileMeta) -> Callable[[memoryview], None]:
        """The meta information of an instance is here."""
        self.meta = meta
        if meta.transfer_syntax_uid not in _SYNTAXES:
            raise InstanceRefused(SYNTAX_NOT_SUPPORTED, "transfer syntax is not accepted")
        request = StoreRequest(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
        self.writer = self.reception.open(self.peer, request)
        self.writer.require_study(self.study)
        return self.writer.write

    def data(self, fragment: memoryview) -> None:
        """The next bytes of a part: to where it is kept, or nowhere after a refusal."""
        file = self.file
        if self.failure == SUCCESS and file is not None:
            self.attempt(lambda: file.feed(fragment))

    def end(self) -> None:
        """The part is whole: keep it durably, and note what became of it."""
        self.attempt(self.finish)
        meta = self.meta or FileMeta("", "", "")
        self.outcomes.append(InstanceOutcome(meta.sop_class_uid, meta.sop_instance_uid, self.failure))

    def finish(self) -> None:
        """Success only when the instance is on disk and in the ledger."""
        if self.file is not None:
            self.file.close()
        if self.writer is not None:
            self.writer.finish()
            self.writer = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Do it unless the instance has failed already; a failure is this instance's, the others go on."""
        if self.failure != SUCCESS:
            return
        try:
            step()
        except InstanceRefused as refusal:
            self.failure = refusal.status
        except NotAnInstance:
            self.failure = CANNOT_UNDERSTAND
        except OSError:
            self.failure = OUT_OF_RESOURCES
        if self.failure != SUCCESS:
            self.discard()

    def discard(self) -> None:
        """Throw away what has arrived of an instance."""
        if self.writer is not None:
            self.writer.discard()
            self.writer = None


@router.post(UPLOADS)
async def store(request: Request, user: Sender) -> Response:
    """Store instances of any studies."""
    return await _store(request, user.name, "")


@router.post(UPLOADS + "/{study_instance_uid}")
async def store_in_study(
    request: Request, user: Sender, study_instance_uid: Annotated[str, Path(max_length=64)]
) -> Response:
    """Store instances of this study; those of another are refused."""
    return await _store(request, user.name, study_instance_uid)


async def _store(request: Request, sender: str, study_instance_uid: str) -> Response:
    """Read the whole request and answer for each of its instances."""
    uploads: Uploads = request.app.state.uploads
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        raise HTTPException(415, 'send multipart/related; type="application/dicom"')
    if not uploads.places.acquire(blocking=False):
        raise HTTPException(503, "as many uploads are open as may be", {"Retry-After": "5"})
    address = address_of(request)
    peer = Peer(sender[:16], uploads.ae_title, address)
    parts, why = _StoreRequest(uploads.reception, peer, study_instance_uid), ""
    try:
        await _read(request, MultipartStream(boundary, parts))
    except (NotMultipart, TimeoutError, ClientDisconnect) as error:
        why = str(error) or "the sender went silent or away"
        raise HTTPException(400, why) from None
    finally:
        parts.discard()
        uploads.places.release()
        await run_in_threadpool(uploads.reception.ended, peer, address, why)
    status, content = store_result(parts.outcomes)
    log.info("images received over the web", extra={"sender": sender, "count": len(parts.outcomes), "status": status})
    return JSONResponse(content, status, media_type=_JSON)


async def _read(request: Request, stream: MultipartStream) -> None:
    """Every byte of the body into the stream; raises NotMultipart, TimeoutError, ClientDisconnect."""
    chunks: AsyncIterator[bytes] = aiter(request.stream())
    while True:
        chunk = await asyncio.wait_for(anext(chunks, None), _CHUNK_SECONDS)
        if chunk is None:
            break
        if chunk:
            await run_in_threadpool(stream.feed, chunk)
    stream.close()
