"""The phantoms that the demo model knows: which patients, which protocols, and how they are prepared."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.attributes import BIRTH_DATE, patient_id
from dicom_io.phantom.spec import Anatomy, Lesion, PhantomSpec, Presentation, Size, SliceOrientation
from mome_core.case import Case
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.dataset import Example, Source, code_digest, prepare_cohort
from mome_core.training.errors import TrainingRefused

RECIPE = Recipe(
    dce_size=(96, 64, 32),
    dwi_size=(64, 48, 16),
    t2_size=(96, 64, 16),
    dce_voxel_mm=(3.3, 3.3, 5.0),
    t2_resize=(100, 100, 16),
    antialias=True,
)
"""A breast of any scanner in an eighth of the paper's voxels along each axis; a lesion of 15 to 30 mm spans 4 to 9."""

WITHOUT_MOTION = replace(RECIPE, motion=None)
"""For the training phantoms: they do not move, so measuring their motion would change nothing but the time."""

TRAINING_SEEDS = 1_000_000
VALIDATION_SEEDS = 2_000_000
CALIBRATION_SEEDS = 6_000_000
TEST_SEEDS = 8_000_000
LESIONS = (Lesion.MALIGNANT, Lesion.BENIGN, Lesion.MALIGNANT, Lesion.NONE, Lesion.MALIGNANT, Lesion.BENIGN)
"""In turn: half of the patients malignant, a third benign, a sixth without a lesion."""

SIZES = {Size.TINY: 0.15, Size.SMALL: 0.4, Size.DEMO: 0.42, Size.PAPER: 0.03}
"""Share of each matrix; those of the paper's size take longest to simulate."""


def add_patient_options(parser: argparse.ArgumentParser) -> None:
    """Options that every command about the demo model has: which patients, where they are kept, who prepares them."""
    parser.add_argument("--anatomy", type=Anatomy, choices=list(Anatomy), default=Anatomy.SIMPLE, help="the patients")
    parser.add_argument("--cache", type=Path, default=Path(".cache/demo-model"), help="prepared patients, and answers")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare patients")


def prepared(
    split: str, count: int, first_seed: int, recipe: Recipe, arguments: argparse.Namespace
) -> tuple[Example, ...]:
    """The patients of one split, as they come to a clinic."""
    return prepared_from(split, sources(count, first_seed, arguments.anatomy), recipe, arguments)


def prepared_from(
    split: str, patients: Sequence[Source], recipe: Recipe, arguments: argparse.Namespace
) -> tuple[Example, ...]:
    """These patients, ready for the network; an exclusion is a defect (every phantom can be prepared) and ends it."""
    print(f"preparing {len(patients)} {split} patients in {arguments.cache} ...", flush=True)
    cohort = prepare_cohort(patients, recipe, arguments.cache, workers=arguments.workers)
    if cohort.exclusions:
        raise TrainingRefused(f"{len(cohort.exclusions)} {split} phantoms failed; first: {cohort.exclusions[0]}")
    return cohort.examples


def sources(
    count: int,
    first_seed: int,
    anatomy: Anatomy = Anatomy.SIMPLE,
    presentation: Presentation = Presentation.CLINICAL,
) -> list[Source]:
    """Patients with these seeds; the label is what the simulation put in."""
    specs = (draw_spec(first_seed + n, LESIONS[n % len(LESIONS)]) for n in range(count))
    return [source(replace(spec, anatomy=anatomy, presentation=presentation)) for spec in specs]


def source(spec: PhantomSpec) -> Source:
    """One simulated patient as a study to learn from."""
    return Source(
        name=f"phantom {spec.seed}",
        patient=f"phantom {spec.seed}",
        labels={Endpoint.MALIGNANCY: int(spec.lesion is Lesion.MALIGNANT)},
        content=partial(content_of, spec),
        read=partial(examine, spec),
        identity=partial(identity_of, spec),
    )


def identity_of(spec: PhantomSpec) -> str:
    """What the files of this patient would call her: `evaluate` on phantoms of these seeds says that they were seen."""
    return f"{patient_id(spec.seed)} {BIRTH_DATE}"


def content_of(spec: PhantomSpec) -> str:
    """Digest of all that decides what is simulated."""
    return hashlib.sha256((repr(spec) + code_digest("dicom_io.phantom")).encode()).hexdigest()


def draw_spec(seed: int, lesion: Lesion) -> PhantomSpec:
    """A patient and the protocol of her hospital: matrix, phases, timing, field strength, orientation."""
    rng = np.random.default_rng(seed)
    return PhantomSpec(
        seed=seed,
        lesion=lesion,
        size=Size(rng.choice(list(SIZES), p=list(SIZES.values()))),
        post_phases=int(rng.integers(5, 8)),
        field_strength_t=float(rng.choice([1.5, 3.0])),
        orientation=SliceOrientation(
            rng.choice([SliceOrientation.AXIAL, SliceOrientation.AXIAL_TURNED, SliceOrientation.SAGITTAL])
        ),
        phase_seconds=float(rng.uniform(60, 90)),
        first_gap_seconds=float(rng.uniform(80, 120)),
    )


def examine(spec: PhantomSpec) -> Case:
    """The volumes of one simulated patient; every vendor's files give the same, so no vendor is named."""
    return replace(simulate(spec).case(), acquisition={"field_strength_t": spec.field_strength_t})
