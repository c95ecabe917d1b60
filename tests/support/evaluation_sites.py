"""Two small hospitals on disk, and networks that know nothing, for the tests that measure models."""

from __future__ import annotations

import csv
from pathlib import Path

import phantom
from calibrations import calibrated
from mome_core.case import Modality
from mome_core.model.checkpoint import Description, save_checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.training.dataset import Example
from mome_core.training.exposure import ExposureRecord
from mome_core.training.start import from_scratch
from training_examples import RECIPE, SMALL


def write_site(folder: Path, name: str, cases: int, seed: int) -> None:
    """A manifest with ages, categories and a reader, its studies, and one that is lost."""
    with (folder / f"{name}.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "patient", "malignancy", "split", "age", "bi_rads", "reader_Ann"])
        for n in range(cases):
            phantom.study(folder / name / f"s{n}", lesion="benign" if n % 2 else "malignant", seed=seed + n)
            split = "validation" if n >= cases - 4 else "test"
            rows.writerow([f"{name}/s{n}", f"{name}{n}", 1 - n % 2, split, 40 + n, ("4a", "4c")[n % 2], 3 + n % 3])
        rows.writerow([f"{name}/lost", f"{name}-lost", 1, "test", "", "", ""])


def write_sites(folder: Path) -> Path:
    """north.csv and south.csv with eight test and four validation cases each; bundles ours and other."""
    for name, seed in (("north", 50), ("south", 80)):
        write_site(folder, name, 12, seed)
    for number, (name, taught_by) in enumerate({"ours": ("north0", "north3"), "other": ("somebody",)}.items()):
        write_bundle(folder / name, number + 1, *taught_by)
    return folder


def write_bundle(place: Path, seed: int, *taught_by: str, read_by: EndpointCalibrations | None = None) -> None:
    """A network that knows nothing, saying that it was trained on these patients and nobody else; calls if read so."""
    cases = [Example(patient, patient, {}, Path("x"), InputFacts.of_modalities([Modality.T2])) for patient in taught_by]
    told = {"exposure": ExposureRecord().extended(cases, ()).to_json()}
    description = Description(place.name, "1", "Knows nothing.", told)
    estimators = () if read_by is None else (calibrated(of=read_by),)
    save_checkpoint(place, from_scratch(SMALL, seed), RECIPE, description, estimators)
