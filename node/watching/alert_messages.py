"""Sends a message about an alert by e-mail and webhook."""

from __future__ import annotations

import json
import logging
import smtplib
import urllib.request
from email.message import EmailMessage
from pathlib import Path

from node.errors import NodeError
from node.secret_files import secret
from node.settings_sections import AlertSettings
from node.watching.findings import Finding

log = logging.getLogger(__name__)
_SEND_SECONDS = 10.0


def send_message(alerts: AlertSettings, ae_title: str, finding: Finding) -> bool:
    """Whether e-mail and webhook, as far as the site wants them, have taken the message."""
    try:
        if alerts.recipients:
            _send_mail(alerts, ae_title, finding)
        if alerts.webhook:
            _post(alerts.webhook, ae_title, finding)
    except (OSError, smtplib.SMTPException, NodeError) as error:
        log.error("an alert could not be sent: %s", type(error).__name__)
        return False
    return True


def _send_mail(alerts: AlertSettings, ae_title: str, finding: Finding) -> None:
    """One e-mail; over TLS when there is a login."""
    message = EmailMessage()
    message["From"], message["To"] = alerts.sender, ", ".join(alerts.recipients)
    message["Subject"] = f"MOME Node {ae_title}: {finding.message}".replace("\n", " ").replace("\r", " ")
    hint = f"What to do: {finding.hint}.\n" if finding.hint else ""
    message.set_content(
        f"{finding.message}.\n\n{hint}More: docs/operate.md, or the dashboard's page Health.\nResearch use only.\n"
    )
    host, _, port = alerts.smtp.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=_SEND_SECONDS) as server:
        if alerts.smtp_user:
            server.starttls()
            server.login(alerts.smtp_user, secret(Path(alerts.smtp_password_file)))
        server.send_message(message)


def _post(webhook: str, ae_title: str, finding: Finding) -> None:
    """One POST with JSON, in the shape that chat servers take (`text`), with the finding's fields beside it."""
    content = {
        "node": ae_title,
        "text": f"MOME Node {ae_title}: {finding.message}",
        "id": finding.id,
        "subject": finding.subject,
        "level": finding.level,
        "hint": finding.hint,
        "research_use_only": True,
    }
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(webhook, json.dumps(content).encode(), headers)  # noqa: S310 - the settings name it
    urllib.request.urlopen(request, timeout=_SEND_SECONDS).close()  # noqa: S310
