"""A running node without web pages sends its alerts: a site that turns the dashboard off is still called at night."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from alert_receivers import mail_server, webhook
from live_node import live_node, wait_for
from node.settings_sections import AlertSettings, Destination
from ports import free_port

pytestmark = pytest.mark.system


def test_a_node_without_dashboard_alerts_by_mail_and_webhook(tmp_path: Path) -> None:
    pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=free_port())
    with live_node(tmp_path, pacs) as node, mail_server() as (port, mail), webhook() as (url, posts):
        alerts = AlertSettings(
            webhook=url,
            recipients=("it@hospital.example",),
            smtp=f"127.0.0.1:{port}",
            destination_minutes=0,
            disk_free_gib=0,
        )
        node.settings = node.settings.model_copy(update={"alerts": alerts})
        assert not node.settings.dashboard.enabled
        node.start()
        assert node.process is not None
        running = {each.cmdline()[-2] for each in psutil.Process(node.process.pid).children()}
        assert running == {"listener", "scheduler", "worker"}
        wait_for(lambda: bool(posts), 120, "the webhook to be called")
        wait_for(lambda: any("Research use only." in str(line) for line in mail), 120, "the e-mail to arrive")
    assert (posts[0]["id"], posts[0]["subject"]) == ("destination-down", "pacs")
    assert posts[0]["text"] == "MOME Node MOMENODE: destination pacs does not answer"
    assert any("Subject: MOME Node MOMENODE: destination pacs does not answer" in str(line) for line in mail)
