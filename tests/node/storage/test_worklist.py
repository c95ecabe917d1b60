"""Lists of studies: all of them or those that a search finds, each with its result and what is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from ledger_studies import STUDY, analyzed_study, claim_job, stored_instance
from node.jobs import JobKind
from node.patient_search import SearchWord, StudySearch
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import ObjectReceipt
from node.storage.schema import search_term
from node.storage.search_index import SearchIndex, Unindexed
from node.storage.worklist import Worklist

SMITH, ANNA, MRI1 = 11, -12, 2**62
VERSION = "key 1"


def receive(ledger: Ledger, *studies: str) -> None:
    for at, study in enumerate(studies, 100):
        ledger.receiving.instances_stored([stored_instance(study=study)], now=at)


def index(ledger: Ledger, study_id: int, *digests: int, version: str = VERSION) -> bool:
    found = {each.id: each for each in SearchIndex(ledger.engine).unindexed(version, 50)}
    return SearchIndex(ledger.engine).index(found[study_id], version, "MRI1", "sealed", digests)


def found_by(ledger: Ledger, *words: SearchWord, whole: frozenset[int] = frozenset()) -> list[int]:
    search = StudySearch(words, whole)
    numbers = [row.study.id for row in Worklist(ledger.engine).rows(search=search)]
    assert sum(Worklist(ledger.engine).found(search).values()) == len(numbers)
    return numbers


def word(*digests: int, number: int | None = None, uid_part: str = "") -> SearchWord:
    return SearchWord(frozenset(digests), number, uid_part)


def test_the_newest_study_comes_first_and_pages_have_no_gaps(ledger: Ledger) -> None:
    receive(ledger, "1.1", "1.2", "1.3")
    worklist = Worklist(ledger.engine)
    assert [row.study.id for row in worklist.rows()] == [3, 2, 1]
    assert [row.study.id for row in worklist.rows(before=(102.0, 3), limit=1)] == [2]
    assert worklist.rows([StudyState.FAILED]) == []
    assert ledger.reading.counts() == {StudyState.RECEIVING: 3}


def test_a_study_fits_that_fits_every_word(ledger: Ledger) -> None:
    receive(ledger, "1.1", "1.2", "1.3")
    assert index(ledger, 1, SMITH, MRI1)
    assert index(ledger, 2, SMITH, ANNA, MRI1)
    assert found_by(ledger, word(SMITH)) == [2, 1]
    assert found_by(ledger, word(SMITH), word(ANNA, 99)) == [2]
    assert found_by(ledger, word(SMITH), word(98)) == []
    assert found_by(ledger, word(98), word(97), whole=frozenset((ANNA,))) == [2]
    assert found_by(ledger, word(SMITH), word(MRI1), whole=frozenset((96,))) == [2, 1], "it is no number of a study"
    assert found_by(ledger, word(MRI1), word(number=1)) == [1]


def test_a_frequent_word_finds_what_a_rare_one_does(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.storage.worklist._FREQUENT", 1)
    receive(ledger, "1.1", "1.2", "1.3")
    for number in (1, 2, 3):
        assert index(ledger, number, MRI1, *([SMITH] if number != 2 else []), *([ANNA] if number == 3 else []))
    assert found_by(ledger, word(MRI1)) == [3, 2, 1]
    assert found_by(ledger, word(MRI1), word(SMITH)) == [3, 1]
    assert found_by(ledger, word(SMITH, 99), word(ANNA)) == [3]
    assert [row.study.id for row in Worklist(ledger.engine).rows(search=StudySearch((word(MRI1),)), limit=2)] == [3, 2]


def test_frequent_words_that_seldom_meet_are_found_without_trying_every_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.storage.worklist._FREQUENT", 1)
    monkeypatch.setattr("node.storage.worklist._SELDOM", 1)
    ledger, plans = Ledger(f"sqlite:///{tmp_path}/ledger.db"), []
    receive(ledger, *(f"1.{n}" for n in range(1, 8)))
    for number in range(1, 8):
        assert index(ledger, number, MRI1, *([SMITH] if number < 5 else []), *([ANNA] if number > 3 else []))

    def explain(_connection: object, cursor: Any, query: str, values: Any, *_: object) -> None:
        if query.startswith("SELECT study."):
            plans.append(str(cursor.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()))

    event.listen(ledger.engine, "before_cursor_execute", explain)
    assert found_by(ledger, word(SMITH), word(ANNA)) == [4]
    assert found_by(ledger, word(SMITH), word(MRI1)) == [4, 3, 2, 1], "they meet often"
    seldom, often = plans
    assert "SEARCH study USING INTEGER PRIMARY KEY" in seldom
    assert "SCAN study USING INDEX ix_study_last_received_at" in often


def test_a_number_that_is_something_else_is_not_sought_in_uids(ledger: Ledger) -> None:
    receive(ledger, "1.2.840.12345", "1.2.840.6")
    assert found_by(ledger, word(SMITH, uid_part="12345")) == [1], "no study has it as accession number"
    assert index(ledger, 2, SMITH)
    assert found_by(ledger, word(SMITH, uid_part="12345")) == [2]


def test_a_study_is_found_by_number_uid_part_of_it_and_by_an_instance(ledger: Ledger) -> None:
    receive(ledger, "1.2.840.5", "1.2.840.61")
    assert found_by(ledger, word(number=2)) == [2]
    assert found_by(ledger, word(uid_part="2.840")) == [2, 1]
    assert found_by(ledger, word(uid_part="840.61")) == [2]
    assert found_by(ledger, word(uid_part="1.2.840.5.1.1")) == [1]
    assert found_by(ledger, word(uid_part="1_2")) == []


def test_a_study_is_indexed_once_under_each_version_and_again_when_it_is_complete(ledger: Ledger) -> None:
    receive(ledger, "1.1", "1.2")
    search = SearchIndex(ledger.engine)
    assert [each.id for each in search.unindexed(VERSION, 50)] == [2, 1]
    assert index(ledger, 1, SMITH)
    assert [each.id for each in search.unindexed(VERSION, 50)] == [2]
    assert [each.id for each in search.unindexed("key 2", 50)] == [2, 1]
    assert [each.id for each in search.unindexed("a key", 1)] == [2], "newest first"
    assert index(ledger, 1, ANNA, version="key 2")
    assert found_by(ledger, word(SMITH)) == []
    assert ledger.gathering.settle(quiet_since=150, now=160) == 2
    assert [each.id for each in search.unindexed("key 2", 50)] == [2, 1]


def test_a_study_that_has_moved_on_is_indexed_another_time(ledger: Ledger) -> None:
    receive(ledger, "1.1")
    stale = Unindexed(1, "1.2", "", "", StudyState.STABLE, is_new=True)
    assert not SearchIndex(ledger.engine).index(stale, VERSION, "MRI1", "sealed", [SMITH])
    assert found_by(ledger, word(SMITH)) == []


def test_a_row_has_its_result_and_its_open_jobs(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    (row,) = Worklist(ledger.engine).rows()
    assert row.summary is not None
    assert row.summary.policy == "8 versions"
    assert [(job.kind, job.destination) for job in row.jobs] == [(JobKind.DELIVER, "pacs")]
    ledger.operator.requeue(STUDY, 300.0)
    (row,) = Worklist(ledger.engine).rows()
    assert row.summary is None, "the result of an earlier revision is not that of this one"
    assert [job.kind for job in row.jobs] == [JobKind.ANALYZE]


def test_a_study_that_is_deleted_leaves_no_term(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    assert index(ledger, 1, SMITH)
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], 220.0)
    assert ledger.retention.forget_oldest(older_than=1e9, now=1e9)
    with ledger.engine.connect() as db:
        assert db.execute(select(search_term)).all() == []
