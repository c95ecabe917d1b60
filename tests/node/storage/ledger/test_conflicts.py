"""Two patients under one Study Instance UID: nothing is answered before an operator decides, and then it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_io.encoding.patient import PatientIdentity
from ledger_studies import (
    ANN,
    BOB,
    LEASE,
    REPORT,
    STUDY,
    analyzed_study,
    claim_job,
    complete_study,
    state_of,
    stored_instance,
)
from node.audit import AuditEvent
from node.jobs import JobKind
from node.reasons import ReasonCode
from node.states import StudyState
from node.storage.hosts import Hosts
from node.storage.ledger.conflicts import Party, Resolution, Undecidable
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.transitions import ConflictStands
from node.storage.ledger.withdrawals import ResultsStand
from node.storage.overview import Overview
from node.storage.records import KeptObject, ObjectReceipt, StoreOutcome
from two_hosts import AT_A, AT_B, receive, registered

NOBODY = PatientIdentity()


def kept(ledger: Ledger, study: str = STUDY) -> list[str]:
    return [uid for uid, _, _ in ledger.reading.instances(study)]


def mixed(ledger: Ledger) -> None:
    """Two images of Ann, then two of Bob."""
    batch = [stored_instance(n, patient=ANN if n < 3 else BOB, sender="MR1" if n < 3 else "MR2") for n in range(1, 5)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED] * 2 + [StoreOutcome.SET_ASIDE] * 2


def is_analysed(ledger: Ledger) -> bool:
    return ledger.jobs.claim(JobKind.ANALYZE, 500, LEASE) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ANN, BOB),
        (ANN, PatientIdentity("7", "ann one", "19500102", "F")),
        (PatientIdentity(name="ann one"), PatientIdentity(name="bob two")),
        (ANN, PatientIdentity("", "ann one", "19500101", "F")),
        (PatientIdentity(name="ann one"), NOBODY),
        (ANN, NOBODY),
    ],
)
def test_what_another_name_or_nothing_stands_in_is_kept_apart_and_nothing_is_analysed(
    ledger: Ledger, first: PatientIdentity, second: PatientIdentity
) -> None:
    batch = [stored_instance(1, patient=first), stored_instance(2, patient=second)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]
    assert kept(ledger) == [batch[0].sop_instance_uid]
    ledger.gathering.settle(150, 160)
    assert state_of(ledger) is StudyState.FAILED and not is_analysed(ledger)
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.TWO_PATIENTS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ANN, PatientIdentity("7", "", "19500101", "")),
        (ANN, PatientIdentity("7", "ann one", "", "F")),
        (PatientIdentity("", "ann one", "19500101", "F"), PatientIdentity("", "ann one", "19500101", "")),
    ],
)
def test_who_says_less_of_a_patient_is_no_other(
    ledger: Ledger, first: PatientIdentity, second: PatientIdentity
) -> None:
    batch = [stored_instance(1, patient=first), stored_instance(2, patient=second)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED] * 2


def test_without_a_patient_id_two_senders_cannot_mean_one_patient(ledger: Ledger) -> None:
    batch = [stored_instance(n, patient=NOBODY, sender=f"MR{n}") for n in (1, 2)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]
    assert ledger.receiving.instances_stored([stored_instance(3, patient=NOBODY, sender="MR1")], 101) == [
        StoreOutcome.STORED
    ]
    later = [stored_instance(4, patient=NOBODY, sender="MR2")]
    assert ledger.receiving.instances_stored(later, 102) == [StoreOutcome.SET_ASIDE]


@pytest.mark.parametrize("act", ["requeue", "redeliver"])
def test_nobody_analyses_or_sends_again_while_the_conflict_stands(ledger: Ledger, act: str) -> None:
    analyzed_study(ledger, "pacs")
    ledger.receiving.instances_stored([stored_instance(2, patient=BOB)], now=300)
    assert state_of(ledger) is StudyState.FAILED
    assert ledger.jobs.claim(JobKind.DELIVER, 310, LEASE) is None
    again = [STUDY, ["pacs"], 320.0] if act == "redeliver" else [STUDY, 320.0]
    with pytest.raises(ConflictStands, match="studies resolve 1"):
        getattr(ledger.operator, act)(*again)


def test_an_analysis_that_runs_is_dropped(ledger: Ledger) -> None:
    complete_study(ledger)
    claim_job(ledger)
    ledger.receiving.instances_stored([stored_instance(2, patient=BOB)], now=216)
    assert state_of(ledger) is StudyState.FAILED


def test_a_document_of_another_patient_is_kept_apart_and_changes_nothing(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [], now=220)
    foreign = stored_instance(9, sop_class=REPORT, patient=BOB)
    for _ in range(2):
        assert ledger.receiving.instances_stored([foreign], now=300) == [StoreOutcome.SET_ASIDE]
    study = ledger.reading.study(STUDY).study
    assert (study.state, study.conflict, study.revision) == (StudyState.DELIVERED, False, 1)
    (_, party) = ledger.conflicts.parties(STUDY)
    assert (party.reason, party.documents) == (ReasonCode.FOREIGN_OBJECT, 1)
    ledger.operator.requeue(STUDY, 310)


def test_what_was_set_aside_is_discarded_and_the_study_goes_on(ledger: Ledger) -> None:
    mixed(ledger)
    ledger.gathering.settle(150, 160)
    own, other = ledger.conflicts.parties(STUDY)
    assert (own.senders, own.images, other.senders, other.images) == (("MR1",), 2, ("MR2",), 2)
    ledger.conflicts.resolve(STUDY, Resolution.DISCARD, "", "ann", 200)
    study = ledger.reading.study(STUDY).study
    assert (study.state, study.conflict, study.reason, study.instances) == (StudyState.STABLE, False, "", 2)
    assert kept(ledger) == ["1.2.3.1.1", "1.2.3.1.2"] and is_analysed(ledger)
    assert ledger.conflicts.parties(STUDY) == ()
    operated = [e for e, _ in ledger.audit.entries() if e.event is AuditEvent.OPERATED]
    assert [(e.fields.person, e.detail) for e in operated] == [("ann", "ann: resolve discard")]
    again = stored_instance(4, patient=BOB, sender="MR2")  # the sender repeats it: that is decided
    assert ledger.receiving.instances_stored([again], 600) == [StoreOutcome.SET_ASIDE]
    assert not ledger.reading.study(STUDY).study.conflict


def test_a_late_image_beside_a_conflict_is_analysed_once_that_is_decided(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [], now=220)
    ledger.receiving.instances_stored([stored_instance(2, patient=BOB)], 300)
    ledger.receiving.instances_stored([stored_instance(3)], 301)
    ledger.gathering.settle(350, 360)
    study = ledger.reading.study(STUDY).study
    assert (study.state, study.reason_code) == (StudyState.FAILED, ReasonCode.TWO_PATIENTS) and study.reason
    with ledger.engine.begin() as db:  # as the program wrote it before
        db.exec_driver_sql("UPDATE study SET reason = '', reason_code = ''")
    ledger.conflicts.resolve(STUDY, Resolution.DISCARD, "", "ann", 400)
    assert state_of(ledger) is StudyState.STABLE and is_analysed(ledger)


@pytest.mark.parametrize("which", ["1", "MR2", "1.2.3.1.4"])
def test_the_other_party_can_be_the_study(ledger: Ledger, which: str) -> None:
    mixed(ledger)
    ledger.gathering.settle(150, 160)
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, which, "ann", 200)
    assert kept(ledger) == ["1.2.3.1.3", "1.2.3.1.4"] and is_analysed(ledger)
    study = ledger.reading.study(STUDY).study
    assert (study.instances, study.conflict) == (2, False)
    late = [stored_instance(5, patient=BOB), stored_instance(6, patient=ANN)]
    assert ledger.receiving.instances_stored(late, 600) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]


def test_another_party_is_the_study_only_after_the_results_of_the_first_are_withdrawn(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=220)
    ledger.receiving.instances_stored([stored_instance(2, patient=BOB)], now=300)
    with pytest.raises(ResultsStand, match="mome-node retract 1 --reason wrong-patient"):
        ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "ann", 310)
    assert kept(ledger) == ["1.2.3.1.1"] and len(ledger.conflicts.parties(STUDY)) == 2
    note = KeptObject("rejection", "1.2", "9.9", "9", "digest", "path")
    ledger.operator.withdrawn(STUDY, note, ["pacs"], 320)
    with pytest.raises(ResultsStand, match="has not reached"):
        ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "ann", 330)
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER, 340), [ObjectReceipt("9.9", 0)], now=345)
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "ann", 350)
    assert kept(ledger) == ["1.2.3.1.2"]
    assert ledger.jobs.predecessor(claim_job(ledger, now=400)) is None


@pytest.mark.parametrize("which", ["MR3", "2", "9.9", ""])
def test_a_party_that_is_not_there_is_not_kept(ledger: Ledger, which: str) -> None:
    mixed(ledger)
    with pytest.raises(Undecidable, match="names no party"):
        ledger.conflicts.resolve(STUDY, Resolution.KEEP, which, "ann", 200)
    assert ledger.reading.study(STUDY).study.conflict


def test_each_patient_can_have_a_study_of_its_own(ledger: Ledger) -> None:
    mixed(ledger)
    ledger.gathering.settle(150, 160)
    ledger.conflicts.resolve(STUDY, Resolution.SPLIT, "", "ann", 200)
    ledger.receiving.instances_stored([stored_instance(5, patient=BOB), stored_instance(6, patient=ANN)], 210)
    ledger.gathering.settle(250, 260)
    made = Overview(ledger.engine).uid_of(2)
    assert kept(ledger, made) == ["1.2.3.1.3", "1.2.3.1.4", "1.2.3.1.5"]
    assert kept(ledger) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.6"]
    assert [ledger.reading.study_of([f"1.2.3.1.{n}"]) for n in (4, 6, 7)] == [made, STUDY, None]
    claimed = {claim_job(ledger, now=500).study_instance_uid, claim_job(ledger, now=500).study_instance_uid}
    assert claimed == {STUDY, made}


def test_without_a_patient_id_each_sender_has_a_study_and_a_third_has_none(ledger: Ledger) -> None:
    images = [stored_instance(n, patient=NOBODY, sender=f"MR{n}") for n in (1, 2)]
    ledger.receiving.instances_stored(images, 100)
    ledger.conflicts.resolve(STUDY, Resolution.SPLIT, "", "ann", 200)
    later = [stored_instance(n + 2, patient=NOBODY, sender=f"MR{n}") for n in (1, 2, 3)]
    assert ledger.receiving.instances_stored(later, 210) == [StoreOutcome.STORED] * 2 + [StoreOutcome.SET_ASIDE]
    assert kept(ledger) == ["1.2.3.1.1", "1.2.3.1.3"]
    assert kept(ledger, Overview(ledger.engine).uid_of(2)) == ["1.2.3.1.2", "1.2.3.1.4"]


def test_the_second_version_of_an_instance_can_be_the_true_one(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1), stored_instance(2)], 100)
    ledger.receiving.instances_stored([stored_instance(2, content="b")], 101)
    with pytest.raises(Undecidable, match="cannot be split"):
        ledger.conflicts.resolve(STUDY, Resolution.SPLIT, "", "ann", 150)
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "ann", 200)
    assert [digest for _, digest, _ in ledger.reading.instances(STUDY)] == ["a", "b"]
    assert not ledger.reading.study(STUDY).study.conflict
    assert ledger.receiving.instances_stored([stored_instance(2, content="a")], 300) == [StoreOutcome.CONFLICT]
    assert not ledger.reading.study(STUDY).study.conflict


def test_a_patient_that_was_noted_without_a_key_is_learned_from_the_next_object(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1)], 100)
    with ledger.engine.begin() as db:
        db.exec_driver_sql("UPDATE study SET patient_digest = ''")
    batch = [stored_instance(2, patient=BOB), stored_instance(3, patient=ANN)]
    assert ledger.receiving.instances_stored(batch, 101) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]


EVE = PatientIdentity("8", "ann one", "19500101", "F")
"""Ann, as the technologist has corrected her patient ID."""


def waiting_party(ledger: Ledger) -> Party:
    (_, party) = ledger.conflicts.parties(STUDY)
    return party


def test_a_patient_corrected_at_the_scanner_is_one_party_and_becomes_the_study(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1), stored_instance(2)], 100)
    again = [stored_instance(n, patient=EVE, content="b") for n in (1, 2, 3)]
    ledger.receiving.instances_stored(again, 101)
    party = waiting_party(ledger)
    assert (party.reason, party.images) == (ReasonCode.TWO_PATIENTS, 3)
    with pytest.raises(Undecidable, match="SOP Instance UIDs"):
        ledger.conflicts.resolve(STUDY, Resolution.SPLIT, "", "ann", 150)
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "ann", 200)
    assert {digest for _, digest, _ in ledger.reading.instances(STUDY)} == {"b"} and len(kept(ledger)) == 3
    late = [stored_instance(4, patient=EVE), stored_instance(5, patient=ANN)]
    assert ledger.receiving.instances_stored(late, 300) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]


@pytest.mark.parametrize("decision", [Resolution.KEEP, Resolution.SPLIT])
def test_two_versions_of_another_patient_wait_for_a_decision_of_their_own(ledger: Ledger, decision: Resolution) -> None:
    batch = [stored_instance(1), *(stored_instance(2, patient=BOB, content=each) for each in "bc")]
    ledger.receiving.instances_stored(batch, 100)
    ledger.gathering.settle(150, 160)
    ledger.conflicts.resolve(STUDY, decision, "1" if decision is Resolution.KEEP else "", "ann", 200)
    his = STUDY if decision is Resolution.KEEP else Overview(ledger.engine).uid_of(2)
    assert [digest for _, digest, _ in ledger.reading.instances(his)] == ["b"]
    study = ledger.reading.study(his).study
    assert (study.conflict, study.reason_code) == (True, ReasonCode.TWO_VERSIONS)
    assert is_analysed(ledger) is (decision is Resolution.SPLIT)  # Ann's
    ledger.conflicts.resolve(his, Resolution.KEEP, "1", "ann", 300)
    assert [digest for _, digest, _ in ledger.reading.instances(his)] == ["c"]
    assert not ledger.reading.study(his).study.conflict


def test_what_bears_the_uid_of_another_study_cannot_be_kept(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1)], 100)
    other = replace(stored_instance(1, content="b"), study_instance_uid="1.2.4")
    assert ledger.receiving.instances_stored([other], 101) == [StoreOutcome.CONFLICT]
    with pytest.raises(Undecidable, match="SOP Instance UIDs"):
        ledger.conflicts.resolve("1.2.4", Resolution.KEEP, "1", "ann", 200)
    assert ledger.reading.study("1.2.4").study.conflict
    ledger.conflicts.resolve("1.2.4", Resolution.DISCARD, "", "ann", 201)


def test_what_an_earlier_version_kept_and_set_aside_is_set_aside_once(ledger: Ledger) -> None:
    mixed(ledger)
    with ledger.engine.begin() as db:  # as before schema 0017: an instance of the study, and in conflict
        db.exec_driver_sql(
            "INSERT INTO conflict (study_id, sop_instance_uid, sha256, path, why, reason_code, received_at) "
            "SELECT study_id, sop_instance_uid, sha256, path, '', 'TWO_PATIENTS', 1 FROM instance LIMIT 1"
        )
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, "MR2", "ann", 200)
    assert kept(ledger) == ["1.2.3.1.3", "1.2.3.1.4"]


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host
def test_images_that_another_host_has_copies_of_are_replaced_and_it_removes_its_own(ledger: Ledger) -> None:
    a, b = registered(ledger)
    receive(ledger, a, 1, 2)
    receive(ledger, b, 1, 2)
    bobs = replace(stored_instance(3, patient=BOB), host_id=a, path="image3")
    assert ledger.receiving.instances_stored([bobs], 110) == [StoreOutcome.SET_ASIDE]
    ledger.conflicts.resolve(STUDY, Resolution.KEEP, "1", "anna", 400.0)
    assert kept(ledger) == [bobs.sop_instance_uid]
    assert sorted(Hosts(ledger.engine).owed_removals(AT_B.archive, 10).values()) == ["image1", "image2"]
    assert ledger.retention.named(["image1", "image2", "image3"], AT_B.archive) == set()
    assert ledger.retention.named(["image1", "image2", "image3"], AT_A.archive) == {"image1", "image2", "image3"}
