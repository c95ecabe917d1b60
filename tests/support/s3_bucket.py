"""An S3 server for tests: a folder for each bucket, listed and read over HTTP as s5cmd asks (no signature, no upload).

moto would be the well-kept choice; its botocore needs a python-dateutil below the one that this house pins.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Bucket:
    """Where it listens, what was asked of it, and whose bytes it spoils."""

    endpoint: str
    got: list[str] = field(default_factory=list)
    fails_after: int | None = None  # objects that it still sends
    spoiled: str = ""  # part of the key of an object that is sent with other bytes


@contextmanager
def served(root: Path) -> Iterator[Bucket]:
    """Serve ROOT/BUCKET/KEY until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.root, server.bucket = root, Bucket(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.bucket
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    root: Path
    bucket: Bucket
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        del request, client_address  # a client that closes its connection is no error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        del format, args

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        asked, root = urlsplit(self.path), self.server.root
        query = parse_qs(asked.query, keep_blank_values=True)
        name, _, key = unquote(asked.path).strip("/").partition("/")
        if not key:
            self._send(_listing(root / name, query.get("prefix", [""])[0]))
        elif (root / name / key).is_file():
            self._send_object((root / name / key).read_bytes(), key, body=body)
        else:
            self._send(b"<Error><Code>NoSuchKey</Code></Error>", 404)

    def _send_object(self, content: bytes, key: str, *, body: bool) -> None:
        bucket, etag = self.server.bucket, hashlib.md5(content, usedforsecurity=False).hexdigest()
        if body and bucket.fails_after is not None and len(bucket.got) >= bucket.fails_after:
            self._send(b"<Error><Code>AccessDenied</Code></Error>", 403)
            return
        if bucket.spoiled and bucket.spoiled in key:
            content = bytes(len(content))
        first, last, span = 0, len(content) - 1, self.headers.get("Range", "")
        if span:
            first, last = (int(each) for each in span.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.end_headers()
        if body:
            bucket.got.append(key)
            self.wfile.write(content[first : last + 1])

    def _send(self, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _listing(folder: Path, prefix: str) -> bytes:
    """ListObjectsV2 in one page."""
    keys = sorted(
        str(each.relative_to(folder)) for each in (folder / prefix.rpartition("/")[0]).rglob("*") if each.is_file()
    )
    entries = "".join(_entry(folder, key) for key in keys if key.startswith(prefix))
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{folder.name}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        f"<MaxKeys>1000</MaxKeys>{entries}</ListBucketResult>"
    ).encode()


def _entry(folder: Path, key: str) -> str:
    content = (folder / key).read_bytes()
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>1970-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(content)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )
