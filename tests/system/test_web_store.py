"""STOW-RS into a running node: what was acknowledged survives the death of the process that took it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
import requests

from live_node import instance, live_node, new_study, wait_for
from node.settings import Settings
from node.storage.ledger.ledger import Ledger
from ports import free_port
from web_store import key_of, multipart, part10

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "point", ["store.tmp_written", "store.renamed", "store.row_committed", "store.before_response"]
)
def test_a_crash_while_images_come_in_loses_none_that_was_acknowledged(tmp_path: Path, point: str) -> None:
    study, port = new_study(), free_port()
    images = [instance(study) for _ in range(5)]
    dashboard = {"enabled": True, "port": port}
    with live_node(tmp_path, dashboard=dashboard, web_store={"enabled": True}, quiet_seconds=3) as node:
        node.start(MOME_CRASHPOINT=f"{point}:3")
        key = key_of(node.settings)
        wait_for(lambda: is_up(port), 60, "the web port")
        body, headers = multipart([part10(each) for each in images])
        headers["Authorization"] = f"Bearer {key}"
        url = f"http://127.0.0.1:{port}/dicom-web/studies"
        with pytest.raises(requests.ConnectionError):
            requests.post(url, data=body, headers=headers, timeout=120)
        wait_for(lambda: "is started again" in node.log.read_text() and is_up(port), 60, "the web port again")
        answer = requests.post(url, data=body, headers=headers, timeout=120)
        assert (answer.status_code, len(answer.json()["00081199"]["Value"])) == (200, 5)
        assert whole(node.settings) == {str(each.SOPInstanceUID) for each in images}
        node.outcome(study, "DELIVERED", "ANALYZED")
        node.stop()
        assert [each.name for each in (node.settings.storage.root / "temporary").iterdir() if "-" in each.name] == []


def is_up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.ConnectionError:
        time.sleep(0.1)
        return False


def whole(settings: Settings) -> set[str]:
    """SOP Instance UIDs whose file has the digest of its row."""
    rows = Ledger(settings.database_url).reading.instances()
    root = settings.storage.root
    return {uid for uid, sha256, path in rows if hashlib.sha256((root / path).read_bytes()).hexdigest() == sha256}
