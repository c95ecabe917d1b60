"""A message about an alert goes to a real mail server and a real webhook."""

from __future__ import annotations

from alert_receivers import mail_server, webhook
from node.settings_sections import AlertSettings
from node.watching.alert_messages import send_message
from node.watching.alerts import Alert

DOWN = Alert.DESTINATION_DOWN.finding("pacs")


def test_a_mail_and_a_post_say_what_is_wrong_and_what_to_do() -> None:
    with mail_server() as (port, mail), webhook() as (url, posts):
        alerts = AlertSettings(recipients=("it@hospital.example",), smtp=f"127.0.0.1:{port}", webhook=url)
        assert send_message(alerts, "MOMENODE", DOWN)
        assert any("Subject: MOME Node MOMENODE: destination pacs does not answer" in str(line) for line in mail)
        assert any("What to do: mome-node echo pacs" in str(line) for line in mail)
        assert any("Research use only." in str(line) for line in mail)
    assert posts == [
        {
            "node": "MOMENODE",
            "text": "MOME Node MOMENODE: destination pacs does not answer",
            "id": "destination-down",
            "subject": "pacs",
            "level": "FAILED",
            "hint": DOWN.hint,
            "research_use_only": True,
        }
    ]


def test_without_recipients_and_webhook_there_is_nothing_to_send() -> None:
    assert send_message(AlertSettings(), "MOMENODE", DOWN)


def test_a_mail_server_that_is_down_is_no_reason_to_stop() -> None:
    alerts = AlertSettings(recipients=("it@hospital.example",), smtp="127.0.0.1:1")
    assert not send_message(alerts, "MOMENODE", DOWN)
