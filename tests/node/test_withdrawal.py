"""Results are withdrawn wherever they went, whatever the settings say by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.jobs import JobKind
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.records import ObjectReceipt
from node.withdrawal import WithdrawalReason, withdraw, words_untold
from sr_templates.kinds import Kind
from told_results import STUDY, AnsweredSite


def settings_with(folder: Path, *names: str) -> Settings:
    to = tuple(Destination(name=each, ae_title="PACS", host="127.0.0.1", port=1) for each in names)
    entity = {"ae_title": "MOMESTAT", "destinations": names[:1]}
    return Settings(storage={"root": folder / "root"}, destinations=to, ae_titles=(entity,) if names else ())


def waiting(site: AnsweredSite) -> set[str]:
    jobs = site.ledger.reading.study(STUDY).jobs
    return {each.destination for each in jobs if each.kind is JobKind.DELIVER and each.state == "waiting"}


def delivered_to(site: AnsweredSite, name: str) -> None:
    job = site.ledger.jobs.claim(JobKind.DELIVER, 190, 60, name)
    assert job is not None
    site.ledger.deliveries.delivered(job, [ObjectReceipt(site.report_uid, 0)], 200)


def test_a_rejection_note_goes_to_everybody_who_got_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.withdrawal._rejection_note", lambda *_: (Kind.REJECTION, "1.2", "9.9", "9", b"a note"))
    site = AnsweredSite(tmp_path, "pacs", "archive", "gone", "never")
    for name in ("pacs", "archive", "gone"):
        delivered_to(site, name)
    site.ledger.operator.cancel(STUDY, "otto", 210, "never")
    settings = settings_with(tmp_path, "new", "pacs", "archive", "never")
    assert withdraw(settings, site.archive, site.ledger, STUDY, WithdrawalReason.SAFETY) == ("gone",)
    assert waiting(site) == {"pacs", "archive"}
    assert words_untold(("gone",)) == "Not in the settings any more, tell them yourself: gone."


def test_results_that_nobody_got_are_not_sent_out_to_be_withdrawn(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "gone")
    delivered_to(site, "gone")
    with pytest.raises(LookupError, match="nobody got these results but gone"):
        withdraw(settings_with(tmp_path, "new"), site.archive, site.ledger, STUDY, WithdrawalReason.QUALITY)
    assert waiting(site) == set()
