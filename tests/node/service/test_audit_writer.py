"""What the listener writes into the audit trail is what the pages and the metrics read out of it."""

from __future__ import annotations

from pathlib import Path

from dicom_io.network.service import CALLER_HAS_TOO_MANY, Peer
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site
from node.service.group_commit import GroupCommit
from node.service.storage_service import StorageService
from node.settings import Settings
from node.watching.metrics import Meter


def test_who_was_turned_away_is_told_with_the_command_that_lets_them_in(tmp_path: Path) -> None:
    site = Site.open(Settings(storage={"root": tmp_path / "root"}, dicom={"callers": ("MRI1",)}))
    reception = StorageService(site.settings, site.archive, site.ledger, GroupCommit(site.archive, site.ledger))
    assert reception.admit(Peer("MRI1", "MOMENODE", "10.0.0.1")) is None
    stranger = Peer("MRI 2", "NODE OF MRI", "10.0.0.2")
    why = reception.admit(stranger)
    assert why is not None
    reception.rejected(stranger, why)
    (told,) = recent_rejections(site)
    assert (told.why, told.calling, told.called, told.address) == (
        "calling AE title not recognised",
        "MRI 2",
        "NODE OF MRI",
        "10.0.0.2",
    )
    assert told.command == "mome-node peers allow 'MRI 2' --address 10.0.0.2"


def test_no_command_is_offered_to_a_caller_that_has_too_many_associations(tmp_path: Path) -> None:
    site = Site.open(Settings(storage={"root": tmp_path / "root"}))
    reception = StorageService(site.settings, site.archive, site.ledger, GroupCommit(site.archive, site.ledger))
    reception.rejected(Peer("MRI1", "MOMENODE", "10.0.0.1"), CALLER_HAS_TOO_MANY)
    (told,) = recent_rejections(site)
    assert (told.why, told.command) == (CALLER_HAS_TOO_MANY.words, "")


def test_what_a_caller_has_sent_is_counted_under_its_name(tmp_path: Path) -> None:
    site = Site.open(Settings(storage={"root": tmp_path / "root"}))
    reception = StorageService(site.settings, site.archive, site.ledger, GroupCommit(site.archive, site.ledger))
    peer = Peer("MRI at 3 T", "MOMENODE", "10.0.0.1")
    for _ in range(3):
        reception.audit_writer.stored(peer, "1.2.3")
    reception.ended(peer, peer.address, "")
    totals = Meter(site.settings, site.archive, site.overview, site.watch).up_to_date()
    assert totals.instances == {"MRI at 3 T": 3}
