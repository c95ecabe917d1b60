"""Several AE titles on one node, with real associations: who may be called, who gets results, who goes first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.folder import folder_pacs
from live_node import LiveNode, instance, live_node, new_study, wait_for
from memory_scp import MemoryScp, accepting
from mome_core.results import Endpoint
from node.jobs import JobKind, Priority
from node.settings_sections import Destination
from node.states import StudyEvent
from node.storage.holds import Hold, HoldKind
from running_node import dcmsend, dcmtk_available, running
from scanner import acquire
from second_bundle import second_bundle
from sr_templates.kinds import Kind

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


@pytest.mark.skipif(not dcmtk_available(), reason="needs DCMTK (apt-get install dcmtk)")
def test_a_study_is_answered_by_the_models_of_the_ae_title_that_it_called(tmp_path: Path) -> None:
    second = str(second_bundle(tmp_path / "second"))
    entity = {"ae_title": "MOMETNBC", "models": (second,), "results": {"kinds": ("report",)}}
    both, alone = acquire(tmp_path / "one", "siemens"), acquire(tmp_path / "two", "ge")
    with folder_pacs(tmp_path / "pacs") as port:
        pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
        models = {"model": {"further": (second,), "allow_unsigned": True}, "ae_titles": (entity,)}
        with running(tmp_path / "node", [pacs], **models) as node:
            assert dcmsend(tmp_path / "one", node.port)
            assert dcmsend(tmp_path / "two", node.port, called="MOMETNBC")
            answered = [node.wait_for_outcome(each) for each in (both, alone)]
    scores = [[score.endpoint for score in each.summary.scores] for each in answered if each.summary]
    assert scores == [[Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE], [Endpoint.TRIPLE_NEGATIVE]]
    kinds = [Counter(each.kind for each in detail.objects) for detail in answered]
    assert (kinds[0][Kind.REPORT], kinds[0][Kind.SALIENCY_MAP]) == (1, 2)
    assert kinds[1] == {Kind.REPORT: 1}
