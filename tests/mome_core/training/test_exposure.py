"""Whom a bundle has seen: found by patient or by images, never readable from the digests, and "unknown" said so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mome_core.case import Case, Modality
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.results import Endpoint
from mome_core.training.dataset import Example, Source, image_digests, prepare_cohort
from mome_core.training.exposure import Exposure, ExposureRecord, exposure_report
from phantom import examination
from training_examples import RECIPE


def example(patient: str, identity: str = "", images: tuple[str, ...] = ()) -> Example:
    return Example(
        f"case of {patient}",
        patient,
        {Endpoint.MALIGNANCY: 1},
        Path("x"),
        InputFacts.of_modalities([Modality.T2]),
        images,
        identity,
    )


TAUGHT = [example("p1", "4711 19700101", ("voxels 1",)), example("p2", images=("voxels 2", "voxels 2b"))]
CHOSE = [example("p3", "4713 19700101", ("voxels 3",))]


@pytest.fixture(scope="module")
def record() -> ExposureRecord:
    return ExposureRecord().extended(TAUGHT, CHOSE)


def manifest_of(record: ExposureRecord) -> dict[str, Any]:
    return json.loads(json.dumps({"provenance": {"exposure": record.to_json()}}))


@pytest.mark.parametrize(
    ("case", "exposure"),
    [
        pytest.param(example("p1"), Exposure.TRAINING, id="the pseudonym"),
        pytest.param(example("other", "4711 19700101"), Exposure.TRAINING, id="the patient under another pseudonym"),
        pytest.param(example("other", "x", ("a", "voxels 2b")), Exposure.TRAINING, id="one volume of the study"),
        pytest.param(example("p3"), Exposure.VALIDATION, id="a case that chose"),
        pytest.param(example("p4", "4711 19800101", ("voxels 4",)), Exposure.NEW, id="somebody else"),
    ],
)
def test_a_case_is_recognised_by_any_of_its_names(record: ExposureRecord, case: Example, exposure: Exposure) -> None:
    assert ExposureRecord.of(manifest_of(record)).exposures([case]) == (exposure,)


def test_what_a_model_started_from_counts_and_training_outweighs_choosing(record: ExposureRecord) -> None:
    later = ExposureRecord.of(manifest_of(record)).extended([example("p9")], [example("p1")])
    assert later.exposures([example("p1"), example("p9"), example("p3"), example("new")]) == (
        Exposure.TRAINING,
        Exposure.TRAINING,
        Exposure.VALIDATION,
        Exposure.NEW,
    )


def test_the_manifest_names_nobody_and_two_manifests_cannot_be_linked(record: ExposureRecord) -> None:
    text = json.dumps(record.to_json())
    again = ExposureRecord().extended(TAUGHT, CHOSE).to_json()
    for name in ("p1", "p2", "p3", "4711", "voxels 1"):
        assert f'"{name}' not in text
        for plain in (hashlib.sha256, hashlib.md5, hashlib.blake2b):
            assert plain(name.encode()).hexdigest()[:32] not in text

    def digests(told: dict[str, Any]) -> set[str]:
        sides = [side for each in told["trainings"] for side in (each["training"], each["validation"])]
        return {digest for side in sides for digest in (*side["patients"], *side["images"])}

    assert digests(record.to_json()).isdisjoint(digests(again))
    assert len(digests(again)) == 9  # 3 pseudonyms, 2 identities, 4 images


def test_a_guess_costs_memory_and_time(record: ExposureRecord) -> None:
    """A digest is scrypt's with 16 MiB: a list of all eight-digit numbers takes days, not seconds."""
    (training,) = record.trainings
    guess = hashlib.scrypt(
        b"pseudonym p1", salt=bytes.fromhex(training.salt), n=2**14, r=8, p=1, maxmem=2**26, dklen=16
    )
    assert guess.hex() in training.training.patients


def test_a_report_counts_patients_and_says_whether_it_is_a_test(record: ExposureRecord) -> None:
    cases = [example("p1"), replace(example("p1"), name="again"), example("p3"), example("q1"), example("q2")]
    told = exposure_report(manifest_of(record), cases)
    assert (told.seen, told.training, told.validation, told.patients) == (3, 1, 1, 4)
    assert told.headline("ours").startswith("NOT A TEST of ours: 3 of 5 cases are not new to it. 1 of 4 patients")
    assert told.to_json()["seen_cases"] == {
        "case of p1": "training",
        "again": "training",
        "case of p3": "validation",
    }
    new = exposure_report(manifest_of(record), cases[3:])
    assert new.is_test and new.headline("ours") == "None of the 2 cases taught ours, and it was chosen on none of them"


def test_what_is_not_recorded_is_not_a_test() -> None:
    silent = exposure_report({"provenance": {}}, [example("p1")])
    assert not silent.is_test and "does not say what it was trained on" in silent.headline("old")
    unreadable = exposure_report({"provenance": {"exposure": {"scheme": "of tomorrow"}}}, [example("p1")])
    assert not unreadable.is_test
    continued = ExposureRecord.of({"provenance": {}}).extended(TAUGHT, CHOSE)
    told = exposure_report(manifest_of(continued), [example("q1")])
    assert not told.is_test and "what the model it started from was trained on" in told.headline("ours")
    assert exposure_report(manifest_of(continued), [example("p1")]).training == 1


def test_images_are_recognised_whatever_the_headers_say() -> None:
    case = examination(seed=5).case()
    renamed = replace(case, acquisition={"vendor": "another"})
    assert image_digests(renamed) == image_digests(case)
    assert len(image_digests(case)) == 3
    assert set(image_digests(examination(seed=6).case())).isdisjoint(image_digests(case))


def test_prepared_cases_carry_images_and_identity_also_from_an_older_cache(tmp_path: Path) -> None:
    case = examination(seed=5).case()
    read: list[int] = []

    def opened() -> Case:
        read.append(1)
        return case

    source = Source("s", "p", {}, lambda: "content", opened, lambda: "4711 19700101")
    recipe = replace(RECIPE, motion=None)
    (first,) = prepare_cohort([source], recipe, tmp_path).examples
    (again,) = prepare_cohort([source], recipe, tmp_path).examples
    assert first.images == again.images == image_digests(case)
    assert (first.identity, len(read)) == ("4711 19700101", 1)
    assert "4711" not in repr(first)
