"""A storage root whose UUID was lost keeps its files; a host that does not have what the ledger names says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_studies import STUDY, state_of
from node.errors import NotReady
from node.jobs import NodePart
from node.states import StudyState
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger
from two_hosts import A, B, claim, listening, receive

pytestmark = pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host
BEFORE, AFTER = "archive before", "archive after"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that has the images."""
    for number in (1, 2, 3):
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / f"image{number}").touch()
    return tmp_path / "root"


def register(ledger: Ledger, root: Path, archive: str = AFTER, node: str = A, now: float = 1000.0) -> int:
    return Hosts(ledger.engine).register(node, node[2], archive, str(root), "key", now=now)


def is_claimed(ledger: Ledger, archive: str = AFTER, node: str = A) -> bool:
    if state_of(ledger) is StudyState.RECEIVING:
        ledger.operator.force(STUDY, 200.0)
    return claim(ledger, NodePart(node, "worker", archive)) is not None


@pytest.mark.parametrize("node", [A, B], ids=["same name", "on another machine"])
def test_a_root_that_was_restored_without_its_uuid_goes_on(ledger: Ledger, root: Path, node: str) -> None:
    receive(ledger, register(ledger, root, BEFORE), 1, 2)
    register(ledger, root, node=node)
    assert is_claimed(ledger, node=node)
    assert [path for _, _, path in ledger.reading.instances(STUDY, AFTER)] == ["image1", "image2"]
    assert {each.archive for each in Hosts(ledger.engine).known()} == {AFTER}


def test_a_backup_that_lacks_the_newest_files_is_its_root_still(ledger: Ledger, root: Path) -> None:
    receive(ledger, register(ledger, root, BEFORE), 1, 2, 3, 4, 5)
    register(ledger, root)
    assert is_claimed(ledger)


def test_a_node_whose_files_lie_elsewhere_does_not_start_and_says_the_way_out(ledger: Ledger, tmp_path: Path) -> None:
    host = register(ledger, tmp_path / "mounted", BEFORE)
    receive(ledger, host, 1, 2)
    with pytest.raises(NotReady, match=f"do not lie below .*: mount or restore .* write {BEFORE} into .*/installation"):
        register(ledger, tmp_path / "empty")
    assert register(ledger, tmp_path / "empty", BEFORE) == host, "what the sentence says"
    assert is_claimed(ledger, BEFORE)


def test_a_node_that_kept_nothing_may_begin_anew_and_is_one_host(ledger: Ledger, tmp_path: Path) -> None:
    register(ledger, tmp_path / "first", BEFORE)
    register(ledger, tmp_path / "second")
    assert [each.archive for each in Hosts(ledger.engine).known()] == [AFTER]


def test_what_a_running_host_keeps_is_not_taken_from_it(ledger: Ledger, root: Path) -> None:
    receive(ledger, register(ledger, root, BEFORE), 1, 2)
    listening(ledger, A, 990.0)
    with pytest.raises(NotReady, match=f"{A}, which is running, keeps the files"):
        register(ledger, root, node=B)
    register(ledger, root, node=B, now=1100.0)
    assert is_claimed(ledger, node=B)


def test_another_host_takes_nothing_of_one_that_is_silent(ledger: Ledger, root: Path, tmp_path: Path) -> None:
    receive(ledger, register(ledger, root, BEFORE), 1, 2)
    register(ledger, tmp_path / "other", node=B)
    assert not is_claimed(ledger, node=B)
    assert is_claimed(ledger, BEFORE)


def test_files_of_before_there_were_hosts_are_of_the_host_that_has_them(
    ledger: Ledger, root: Path, tmp_path: Path
) -> None:
    receive(ledger, None, 1, 2)
    with pytest.raises(NotReady, match="start the node that has them first"):
        register(ledger, tmp_path / "other", node=B)
    register(ledger, root)
    register(ledger, tmp_path / "other", "archive of b", node=B)
    assert not is_claimed(ledger, "archive of b", B)
    assert is_claimed(ledger)
