"""The simulated hospitals: patients, what a scanner, pathology and six readers say of each, as manifests.

Nothing here is a patient, and no radiologist read these studies: a reader is a noisy look at the truth.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dicom_io.phantom.anatomy import simulate, stream
from dicom_io.phantom.body import draw_body
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from mome_core.case import Modality

LESIONS = (Lesion.MALIGNANT, Lesion.BENIGN, Lesion.MALIGNANT, Lesion.NONE, Lesion.BENIGN, Lesion.MALIGNANT)
CATEGORIES = ("2", "3", "4a", "4b", "4c", "5")
READERS = {
    "reader_senior_1": 0.75,
    "reader_senior_2": 0.80,
    "reader_senior_3": 0.85,
    "reader_senior_4": 0.90,
    "reader_junior_1": 1.5,
    "reader_junior_2": 1.8,
}
"""Standard deviation of each reader's impression, in BI-RADS steps."""
COLUMNS = ("case", "patient", "malignancy", "split", "age", "bpe", "bi_rads", "field_strength", "site", "vendor")
ENHANCEMENT = ((0.12, "minimal"), (0.28, "mild"), (0.48, "moderate"), (1.01, "marked"))


@dataclass(frozen=True, slots=True)
class Hospital:
    """A site with its protocol: seconds between phases, scanners, and the seed of its first patient."""

    name: str
    first_seed: int
    phase_seconds: float
    first_gap_seconds: float
    vendors: tuple[str, ...]


INTERNAL = Hospital("north", 710_000, 75.0, 100.0, ("siemens", "ge"))
EXTERNAL = Hospital("south", 720_000, 20.0, 40.0, ("philips", "siemens"))
"""The second hospital takes a phase every 20 s, which no model here has seen."""


def write_hospital(folder: Path, hospital: Hospital, splits: dict[str, int]) -> Path:
    """The studies of every split, and the manifest beside them; those that exist are kept."""
    manifest = folder / f"{hospital.name}.csv"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    rows, number = [], 0
    for split, count in splits.items():
        for _ in range(count):
            rows.append(_write_patient(folder, hospital, number, split))
            number += 1
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *READERS])
        writer.writeheader()
        writer.writerows(rows)
    print(f"   {len(rows)} studies in {folder / hospital.name}", flush=True)
    return manifest


def _write_patient(folder: Path, hospital: Hospital, number: int, split: str) -> dict[str, object]:
    """One study on disk, and its row of the manifest."""
    spec = _spec(hospital, number, measured=split == "test")
    vendor = hospital.vendors[number % len(hospital.vendors)]
    place = folder / hospital.name / f"{number:03d}"
    if not place.exists():
        part = place.with_name(f"{place.name}.part")  # a run that is killed leaves no half of a study
        shutil.rmtree(part, ignore_errors=True)
        write_study(simulate(spec), vendor, None, part)
        part.rename(place)
    rng = np.random.default_rng(spec.seed)
    malignant = spec.lesion is Lesion.MALIGNANT
    suspicion = {Lesion.MALIGNANT: 3.7, Lesion.BENIGN: 1.9, Lesion.NONE: 0.6}[spec.lesion] + rng.normal(0, 0.5)
    enhancement = draw_body(stream(spec, "patient"), spec.lesion, spec.breasts, spec.position).enhancement
    return {
        "case": f"{hospital.name}/{number:03d}",
        "patient": f"{hospital.name}-{number:03d}",
        "malignancy": int(malignant),
        "split": split,
        "age": int(np.clip(rng.normal(48 + 5 * malignant, 11), 24, 84)),
        "bpe": next(word for limit, word in ENHANCEMENT if enhancement < limit),
        "bi_rads": _category(suspicion + rng.normal(0, 0.6)),
        "field_strength": f"{spec.field_strength_t:g}",
        "site": hospital.name,
        "vendor": vendor,
        **{name: _category(suspicion + rng.normal(0, noise)) for name, noise in READERS.items()},
    }


def _spec(hospital: Hospital, number: int, *, measured: bool) -> PhantomSpec:
    """The patient and her protocol; among those that are measured some studies lack a series, one has no contrast."""
    seed = hospital.first_seed + number
    rng = np.random.default_rng(seed + 1)
    lacks = {3: Modality.DWI, 7: Modality.T2}.get(number % 20) if measured else None
    return PhantomSpec(
        seed=seed,
        lesion=LESIONS[number % len(LESIONS)],
        size=Size.TINY,
        post_phases=int(rng.integers(5, 8)),
        field_strength_t=float(rng.choice([1.5, 3.0])),
        phase_seconds=hospital.phase_seconds,
        first_gap_seconds=hospital.first_gap_seconds,
        without=frozenset({lacks} if lacks else {Modality.DCE} if measured and number % 50 == 11 else set()),
    )


def _category(impression: float) -> str:
    """A BI-RADS category."""
    return CATEGORIES[int(np.clip(round(impression), 0, len(CATEGORIES) - 1))]
