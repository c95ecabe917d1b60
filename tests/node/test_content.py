"""A study is complete by its content only when it is, part for part, what earlier studies of its protocol were."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import event

import phantom
from dicom_io.encoding.part10 import ReceivedInstance, examine
from ledger_studies import ANN, KEY
from node.content import Content, ContentPart, Known, judge
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance, StudyRecord

QUIET, PATIENCE, LEARNED_FROM, PAUSE = 60.0, 3, 3, 2.0
LAYOUTS = (
    ("siemens", "series-per-phase"),
    ("ge", "series-per-phase"),
    ("ge", "one-series"),
    ("philips", "one-series"),
    ("uih", None),
)
DCE, T2 = ContentPart("dce", 96, 16, 6, 6), ContentPart("t2", 11, 11, 1, 1)
WHOLE = Content((DCE, T2))


def test_a_study_that_is_what_earlier_ones_were_is_complete() -> None:
    assert judge(WHOLE, [Known(WHOLE, 3)], LEARNED_FROM).alike == 3


@pytest.mark.parametrize("known", [[], [Known(WHOLE, 2)]])
def test_too_few_earlier_studies_teach_nothing(known: list[Known]) -> None:
    assert judge(WHOLE, known, LEARNED_FROM).alike == 0


def test_content_never_completes_where_the_site_does_not_want_it() -> None:
    assert judge(WHOLE, [Known(WHOLE, 1000)], 0).alike == 0


@pytest.mark.parametrize(
    "here",
    [
        Content((DCE,)),
        Content((T2,)),
        Content((ContentPart("dce", 80, 16, 5, 5), T2)),  # a phase less, whole in itself
        Content((ContentPart("dce", 90, 15, 6, 6), T2)),  # a slice less in every phase
        Content((ContentPart("dce", 95, 16, 5, 6), T2)),
    ],
)
def test_a_part_that_looks_whole_is_missed_by_the_protocol(here: Content) -> None:
    assert judge(here, [Known(WHOLE, 3)], LEARNED_FROM).missing == WHOLE.images - here.images


def test_as_many_images_on_other_slices_are_not_the_same() -> None:
    twice = Content((ContentPart("dce", 96, 16, 5, 7), T2))
    assert judge(twice, [Known(WHOLE, 3)], LEARNED_FROM).alike == 0


def test_a_protocol_that_sometimes_holds_more_is_not_complete_without() -> None:
    more = Content((DCE, T2, ContentPart("sub", 16, 16, 1, 1)))
    assert judge(WHOLE, [Known(WHOLE, 10), Known(more, 1)], LEARNED_FROM).alike == 0
    assert judge(WHOLE, [Known(WHOLE, 10), Known(more, 5)], LEARNED_FROM).missing == 0
    assert judge(WHOLE, [Known(WHOLE, 20), Known(more, 1)], LEARNED_FROM).alike == 20


def test_a_handful_of_images_is_no_protocol() -> None:
    few = Content((ContentPart("dce", 3, 3, 1, 1), T2))
    assert judge(few, [Known(few, 100)], LEARNED_FROM).alike == 0


def test_content_is_written_and_read() -> None:
    assert Content.read(WHOLE.text) == WHOLE
    assert Content((T2, DCE)).digest == WHOLE.digest


# --- arrivals, on the ledger


def headers_of(folder: Path, vendor: str, layout: str | None) -> list[ReceivedInstance]:
    """What the listener finds in the images of a phantom study."""
    return [examine(path) for path in phantom.study(folder, vendor, layout)]


def instances_of(headers: Sequence[ReceivedInstance], study: str) -> list[StoredInstance]:
    """The same images as another study."""
    series = {each.series_instance_uid: f"{study}.{n}" for n, each in enumerate(headers)}
    return [
        StoredInstance(
            study_instance_uid=study,
            series_instance_uid=series[each.series_instance_uid],
            sop_class_uid=each.sop_class_uid,
            sop_instance_uid=f"{study}.0.{number}",
            transfer_syntax_uid=each.transfer_syntax_uid,
            patient_digest=KEY.patient(ANN),
            sha256=each.sha256,
            path="path",
            size_bytes=each.size_bytes,
            calling_ae_title="MR",
            kind=each.kind,
            slice_position=each.slice_position,
        )
        for number, each in enumerate(headers)
    ]


def sweep(ledger: Ledger, now: float) -> None:
    """What the scheduler does every second, at this moment."""
    ledger.gathering.settle_by_content(now - PAUSE, now, LEARNED_FROM)
    ledger.gathering.settle(now - QUIET, now, extended_quiet_since=now - QUIET * PATIENCE)


def teach(ledger: Ledger, headers: Sequence[ReceivedInstance], now: float, studies: int = LEARNED_FROM) -> float:
    """Some studies of the protocol come and fall silent; gives the time afterwards."""
    for number in range(studies):
        ledger.receiving.instances_stored(instances_of(headers, f"1.{int(now)}.{number}"), now)
        now += QUIET + 1
        sweep(ledger, now)
    return now


def standing(ledger: Ledger, study: str) -> StudyRecord:
    return ledger.reading.study(study).study


def reason(ledger: Ledger, study: str) -> str:
    return ledger.reading.study(study).timeline[-1].detail


def in_some_order(instances: list[StoredInstance], chance: random.Random) -> list[StoredInstance]:
    """As a sender may send them: as they are, backwards, shuffled, series by series in any order, interleaved."""
    kind = chance.randrange(5)
    if kind == 1:
        return instances[::-1]
    if kind == 2:
        return chance.sample(instances, len(instances))
    if kind == 3:
        keys = {each.series_instance_uid: chance.random() for each in instances}
        return sorted(instances, key=lambda each: keys[each.series_instance_uid])
    if kind == 4:
        middle = len(instances) // 2
        return [each for pair in zip(instances[:middle], instances[middle:], strict=False) for each in pair] + (
            instances[2 * middle :]
        )
    return instances


def pieces(instances: list[StoredInstance], chance: random.Random) -> Iterator[list[StoredInstance]]:
    """The study in a few runs, now and then a single image."""
    while instances:
        count = chance.choice((1, 5, 16, 40, 80))
        yield instances[:count]
        instances = instances[count:]


@pytest.mark.slow
@pytest.mark.parametrize("arrivals", [4, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_no_study_is_complete_early_however_it_arrives(ledger: Ledger, tmp_path: Path, arrivals: int) -> None:
    chance, now = random.Random(2026), 1000.0
    for number, (vendor, layout) in enumerate(LAYOUTS):
        headers = headers_of(tmp_path / str(number), vendor, layout)
        now = teach(ledger, headers, now)
        for _ in range(arrivals):
            now = arrive_together(ledger, headers, now, chance)


def arrive_together(ledger: Ledger, headers: list[ReceivedInstance], now: float, chance: random.Random) -> float:
    """Two patients' studies come interleaved, with pauses up to the patience; gives the time when both are complete."""
    studies = [f"2.{int(now)}.{number}" for number in range(2)]
    waiting = {each: list(pieces(in_some_order(instances_of(headers, each), chance), chance)) for each in studies}
    last = dict.fromkeys(studies, now)
    while waiting:
        longest = min(waiting, key=lambda each: last[each])
        study = longest if now - last[longest] > 80 else chance.choice(list(waiting))
        ledger.receiving.instances_stored(waiting[study].pop(0), now)
        last[study] = now
        if not waiting[study]:
            del waiting[study]
            sweep(ledger, now + 4)
            assert standing(ledger, study).state is StudyState.STABLE
            assert "earlier studies" in reason(ledger, study)
        pause = chance.choice((0.0, 0.1, PAUSE + 1, QUIET / 2, QUIET + 5, 85.0))
        for moment in sorted({min(pause, PAUSE + 1), pause}):
            sweep(ledger, now + moment)
        for each in waiting:
            record = standing_or_none(ledger, each)
            assert record is None or (record.state, record.revision) == (StudyState.RECEIVING, 1)
        now += pause
    return now + 10


def standing_or_none(ledger: Ledger, study: str) -> StudyRecord | None:
    try:
        return standing(ledger, study)
    except LookupError:
        return None


@pytest.fixture
def headers(tmp_path: Path) -> list[ReceivedInstance]:
    return headers_of(tmp_path / "study", "siemens", "series-per-phase")


def test_a_first_study_waits_for_silence(ledger: Ledger, headers: list[ReceivedInstance]) -> None:
    ledger.receiving.instances_stored(instances_of(headers, "5"), 100)
    sweep(ledger, 100 + QUIET - 1)
    assert standing(ledger, "5").state is StudyState.RECEIVING
    sweep(ledger, 100 + QUIET)
    assert standing(ledger, "5").state is StudyState.STABLE
    assert reason(ledger, "5") == "no instance for 60 s"


def test_what_a_known_protocol_lacks_is_waited_for_longer_and_then_said(
    ledger: Ledger, headers: list[ReceivedInstance]
) -> None:
    now = teach(ledger, headers, 1000)
    ledger.receiving.instances_stored(instances_of(headers, "5")[:-11], now)
    sweep(ledger, now + QUIET + 1)
    assert standing(ledger, "5").state is StudyState.RECEIVING
    assert standing(ledger, "5").missing == 11
    sweep(ledger, now + QUIET * PATIENCE)
    assert reason(ledger, "5") == "no instance for 180 s; 11 images fewer than in earlier studies of its protocol"


def test_a_late_image_makes_a_new_revision_and_unteaches(ledger: Ledger, headers: list[ReceivedInstance]) -> None:
    instances = instances_of(headers, "5")
    now = teach(ledger, headers[:-11], 1000)
    ledger.receiving.instances_stored(instances[:-11], now)
    sweep(ledger, now + 3)
    assert standing(ledger, "5").state is StudyState.STABLE
    ledger.receiving.instances_stored(instances[-11:], now + 10)
    assert (standing(ledger, "5").state, standing(ledger, "5").revision) == (StudyState.RECEIVING, 2)
    sweep(ledger, now + 10 + QUIET)
    assert standing(ledger, "5").state is StudyState.STABLE
    ledger.receiving.instances_stored(instances_of(headers, "6")[:-11], now + 100)
    sweep(ledger, now + 103)
    assert standing(ledger, "6").state is StudyState.RECEIVING


def test_what_never_falls_silent_is_complete_at_the_deadline(ledger: Ledger, headers: list[ReceivedInstance]) -> None:
    for number, each in enumerate(instances_of(headers, "5")):
        ledger.receiving.instances_stored([each], 1000 + 50 * number)
    assert ledger.gathering.settle_overdue(999, 9000) == 0
    assert ledger.gathering.settle_overdue(1800, 9000) == 1
    assert reason(ledger, "5") == "still arriving after 8000 s"


def test_what_an_operator_declares_complete_teaches_nothing(ledger: Ledger, headers: list[ReceivedInstance]) -> None:
    for number in range(5):
        ledger.receiving.instances_stored(instances_of(headers, f"5.{number}"), 100)
        ledger.operator.force(f"5.{number}", 101)
    ledger.receiving.instances_stored(instances_of(headers, "6"), 200)
    sweep(ledger, 203)
    assert standing(ledger, "6").state is StudyState.RECEIVING


def test_a_sweep_asks_the_database_as_often_for_1500_images_as_for_200(
    ledger: Ledger, headers: list[ReceivedInstance]
) -> None:
    statements: list[str] = []
    event.listen(ledger.engine, "before_cursor_execute", lambda _, __, statement, *___: statements.append(statement))

    def statements_of_a_sweep(study: str, images: list[ReceivedInstance], start: float) -> int:
        now = teach(ledger, images, start)
        ledger.receiving.instances_stored(instances_of(images, study), now)
        statements.clear()
        sweep(ledger, now + PAUSE)
        assert standing(ledger, study).state is StudyState.STABLE
        return len(statements)

    few = statements_of_a_sweep("5", headers, 1000)
    assert statements_of_a_sweep("7", headers * 8, 5000) <= few
