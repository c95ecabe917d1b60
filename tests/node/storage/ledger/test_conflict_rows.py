"""Whether an instance is of another patient than its study, by what both say and who sent them."""

from __future__ import annotations

from dicom_io.encoding.patient import PatientIdentity
from ledger_studies import stored_instance
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoreOutcome


def test_without_a_patient_id_two_senders_are_two_patients_also_where_one_says_less(ledger: Ledger) -> None:
    said = PatientIdentity("", "ann one", "19500101", "F"), PatientIdentity("", "ann one", "19500101", "")
    batch = [stored_instance(n, patient=each, sender=f"MR{n}") for n, each in enumerate(said)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED, StoreOutcome.SET_ASIDE]


def test_what_one_image_leaves_out_another_tells_and_the_third_must_agree(ledger: Ledger) -> None:
    names = ("", "ann one", "bob two")
    batch = [stored_instance(n, patient=PatientIdentity("7", name)) for n, name in enumerate(names)]
    assert ledger.receiving.instances_stored(batch, 100) == [StoreOutcome.STORED] * 2 + [StoreOutcome.SET_ASIDE]
