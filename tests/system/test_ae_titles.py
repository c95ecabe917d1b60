"""Several AE titles on one node, with real associations: who may be called, who gets results, who goes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_io.network.contexts import acceptor_contexts
from live_node import LiveNode, instance, live_node, new_study, wait_for
from memory_scp import MemoryScp, accepting
from node.jobs import JobKind, Priority
from node.settings_sections import Destination
from node.states import StudyEvent
from node.storage.holds import Hold, HoldKind

pytestmark = pytest.mark.system


def send(node: LiveNode, called: str, description: str = "MR Mamma") -> str:
    """A study of one image, complete when this returns."""
    study = new_study()
    node.send_until_all_are_kept([instance(study, StudyDescription=description)], called=called)
    return study


def destinations_of(node: LiveNode, study: str) -> set[str]:
    jobs = node.ledger.reading.study(study).jobs
    return {job.destination for job in jobs if job.kind is JobKind.DELIVER}


def test_each_ae_title_has_its_destinations_its_priority_and_its_place_in_the_queue(tmp_path: Path) -> None:
    with accepting(MemoryScp(), acceptor_contexts()) as pacs, accepting(MemoryScp(), acceptor_contexts()) as research:
        places = [
            Destination(name=name, ae_title="ANY", host="127.0.0.1", port=each.port)
            for name, each in (("pacs", pacs), ("research", research))
        ]
        entities = (
            {"ae_title": "MOMESTAT", "priority": "STAT", "destinations": ("pacs",)},
            {"ae_title": "MOMERES", "priority": "LOW", "destinations": ("research",)},
        )
        rules = ({"priority": "HIGH", "study_description": "*trauma*"},)
        with live_node(tmp_path, *places, ae_titles=entities, priorities=rules) as node:
            dicom = node.settings.dicom.model_copy(update={"check_called_ae_title": True})
            node.settings = node.settings.model_copy(update={"dicom": dicom})
            node.start()
            assert not node.echo("OTHER")
            me = node.settings.node_name
            node.ledger.holds.hold(Hold(HoldKind.PAUSE, me, 1.0, "alice"))
            low, routine = send(node, "MOMERES"), send(node, "MOMENODE")
            high, stat = send(node, "MOMENODE", "Breast TRAUMA"), send(node, "MOMESTAT")
            studies = (low, routine, high, stat)
            for each in studies:
                node.outcome(each, "STABLE")

            def priorities() -> list[Priority]:
                return [node.ledger.reading.study(each).study.priority for each in studies]

            expected = [Priority.LOW, Priority.ROUTINE, Priority.HIGH, Priority.STAT]
            wait_for(lambda: priorities() == expected, 60, "the settings to set the priorities")
            node.ledger.holds.end(HoldKind.PAUSE, me, "alice", 2.0)
            for each in studies:
                node.outcome(each, "DELIVERED")
            claimed = [uid for entry, uid in node.ledger.audit.entries() if entry.event is StudyEvent.CLAIMED]
            assert claimed == [stat, high, routine, low]
            assert [destinations_of(node, each) for each in studies] == [
                {"research"},
                {"pacs", "research"},
                {"pacs", "research"},
                {"pacs"},
            ]
