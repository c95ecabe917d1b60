"""The doctor names what is wrong around the node, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_node import new_study
from node.settings import Destination, Settings
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance
from node.watching.doctor import Verdict, clock, destination, disk, examine, flush, our_ae_title, our_port, senders


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path}, dicom={"port": 1})


def test_a_node_that_is_not_started_is_said_to_be(settings: Settings) -> None:
    found = our_port(settings)
    assert found.verdict is Verdict.ILL
    assert "systemctl start" in found.do


def test_a_destination_with_our_own_ae_title_is_found(tmp_path: Path) -> None:
    twin = {"name": "pacs", "ae_title": "MOMENODE", "host": "127.0.0.1", "port": 1}
    (found,) = our_ae_title(Settings(storage={"root": tmp_path}, destinations=(twin,)))
    assert found.verdict is Verdict.ILL
    assert "its own" in found.do


def test_a_closed_port_ends_the_examination_of_a_destination(settings: Settings) -> None:
    (found,) = destination(settings, Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1))
    assert (found.name, found.verdict) == ("pacs: port", Verdict.ILL)
    assert "firewalls" in found.do


def test_disk_flush_and_clock_are_measured(settings: Settings) -> None:
    assert "GiB free" in disk(settings).found
    assert "ms" in flush(settings).found
    assert clock(settings).verdict is not Verdict.ILL


@pytest.mark.parametrize(("pause", "verdict"), [(0.040, Verdict.ADVICE), (0.004, Verdict.WELL)])
def test_a_sender_that_waits_for_delayed_acknowledgements_is_named(
    settings: Settings, pause: float, verdict: Verdict
) -> None:
    ledger, study = Ledger(settings.database_url), new_study()
    for number in range(30):
        uid = f"{study}.{number}"
        one = StoredInstance(
            study, study + ".1", "1.2.840.10008.5.1.4.1.1.4", uid, "1.2", "p", uid[-64:], "path", 10, "MRI1"
        )
        ledger.receiving.instances_stored([one], 1000.0 + number * pause)
    found = senders(settings)
    assert found.verdict is verdict
    assert ("MRI1" in found.found) is (verdict is Verdict.ADVICE)


def test_every_line_that_is_not_well_says_what_to_do(settings: Settings) -> None:
    findings = list(examine(settings))
    assert all(each.do for each in findings if each.verdict is not Verdict.WELL)
    assert any(each.verdict is Verdict.ILL for each in findings)
