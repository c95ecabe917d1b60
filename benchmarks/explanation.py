"""Which saliency to believe: every method and baseline on phantoms whose lesion is known.

    python -m benchmarks.explanation                                  the shipped model, 12 phantoms: about half an hour
    python -m benchmarks.explanation --bundle BUNDLE --cases 4 --max-gradients 64
    python -m benchmarks.explanation --json explanation.json > table.md

On every malignant phantom each method draws a map, and four questions are put to it:

pointing        is its highest value in the lesion, or within 10 mm of it (Zhang et al. 2018)? on the map of the DCE and
                over all modalities, smoothed over a voxel as the reader sees it; how far is the DCE's from the centre?
concentration   how much denser is the attribution in the lesion than it would be spread evenly?
deletion        how fast does the probability fall when voxels are erased, most salient first (area under the curve,
insertion       low is good), and rise when they are put back into nothing (high is good)? Petsiuk et al. 2018
randomisation   is the map of a network with random weights another map? rank correlation of the two, 0 is good
                (Adebayo et al. 2018)

Beside them stand the completeness error, the gradients it took, and CPU seconds. `docs/explanation.md` holds the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage, stats
from torch import Tensor

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from mome_core.case import Modality
from mome_core.explain.baselines import Baseline
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.saliency import Method, attribute
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.model.mome import Mome
from mome_core.preprocessing.pad import CENTRE, offset_of, pad, spatial
from mome_core.preprocessing.prepare import PreparedCase, prepare
from mome_core.preprocessing.recipe import Size as Grid
from mome_core.results import Endpoint

ENDPOINT = Endpoint.MALIGNANCY
SHIPPED = Path(__file__).parents[1] / "node" / "models_shipped"
FIRST_SEED = 900_000  # far from the seeds that models are trained on
FEW = AttributionLimits(max_gradients=16)
TRIES = 10  # phantoms drawn at most for each one wanted
NEAR_MM = 10.0
SMOOTHING_VOXELS = 1.0
SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # of the voxels erased or put back; early ones count most

Maps = Mapping[Modality, NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A method with its baseline; None for both is a map of noise, the floor of every measure."""

    method: Method | None
    baseline: Baseline | None = None

    def __str__(self) -> str:
        if self.method is None:
            return "noise"
        return f"{self.method}, {self.baseline}" if self.baseline else str(self.method)


CANDIDATES = (
    Candidate(None),
    Candidate(Method.GRADIENT_TIMES_INPUT),
    *(Candidate(Method.INTEGRATED_GRADIENTS, baseline) for baseline in Baseline),
)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One phantom as the network sees it, and where its lesion lies there.

    Parameters
    ----------
    lesions
        (X, Y, Z) of each modality's padded grid.
    affines
        (4, 4) of each, padded index to LPS mm.
    """

    volumes: Mapping[Modality, Tensor]
    lesions: Mapping[Modality, NDArray[np.bool_]]
    affines: Mapping[Modality, NDArray[np.float64]]
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measures:
    """What one map of one phantom was found to be."""

    candidate: str
    hit_dce: float
    hit: float
    peak_mm: float
    concentration: float
    deletion: float
    insertion: float
    randomisation: float
    completeness_error: float
    change: float
    gradients: int
    cpu_s: float


def main() -> None:
    arguments = parse()
    checkpoint = load_checkpoint(arguments.bundle or next(path.parent for path in SHIPPED.glob("*/manifest.json")))
    network, other = checkpoint.network, randomised(checkpoint.network)
    limits = AttributionLimits(max_gradients=arguments.max_gradients)
    measures: list[Measures] = []
    for trial in trials(checkpoint, arguments.cases, Size(arguments.size)):
        measures += [measure(candidate, network, other, trial, limits) for candidate in CANDIDATES]
        print(f"{len(measures) // len(CANDIDATES)} of {arguments.cases} phantoms", flush=True)
    print(table(measures))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in measures], indent=1))


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description="Compare saliency methods on phantoms whose lesion is known.")
    p.add_argument("--bundle", type=Path, help="a model bundle (default: the one that is shipped)")
    p.add_argument("--cases", type=int, default=12)
    p.add_argument("--size", default=Size.DEMO.value, choices=[size.value for size in Size])
    p.add_argument("--max-gradients", type=int, default=AttributionLimits().max_gradients)
    p.add_argument("--json", type=Path)
    return p.parse_args()


def trials(checkpoint: Checkpoint, count: int, size: Size) -> Iterator[Trial]:
    """The first phantoms with a malignant lesion that the network calls malignant: only an answer can be explained."""
    found = 0
    for seed in range(FIRST_SEED, FIRST_SEED + TRIES * count):
        trial = trial_of(simulate(PhantomSpec(seed=seed, lesion=Lesion.MALIGNANT, size=size)), checkpoint)
        if probability(checkpoint.network, trial.volumes) > 0.5:
            found += 1
            yield trial
        if found == count:
            return
    raise SystemExit(
        f"the model called {found} of {TRIES * count} malignant phantoms malignant, {count} were asked for"
    )


def trial_of(phantom: Phantom, checkpoint: Checkpoint) -> Trial:
    """Prepared, padded in the centre, with the lesion on the same grids."""
    prepared = prepare(phantom.case(), checkpoint.recipe)
    sizes = {m: checkpoint.recipe.size(m) for m in prepared.modalities}
    volumes = {m: torch.from_numpy(pad(prepared.arrays[m], size))[None] for m, size in sizes.items()}
    affines = {m: padded_affine(prepared, m, size) for m, size in sizes.items()}
    lesions = {m: lesion_on(phantom, affines[m], volumes[m].shape[2:]) for m in volumes}
    assert phantom.truth.lesion_centre_mm is not None
    return Trial(volumes, lesions, affines, phantom.truth.lesion_centre_mm)


def padded_affine(prepared: PreparedCase, modality: Modality, size: Grid) -> NDArray[np.float64]:
    """(4, 4) from an index of the padded array to LPS mm."""
    shift = np.eye(4)
    shift[:3, 3] = -np.array(offset_of(CENTRE, spatial(prepared.arrays[modality]), size))
    affine: NDArray[np.float64] = prepared.affine(modality) @ shift
    return affine


def lesion_on(phantom: Phantom, affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The lesion's mask on another grid: the voxels that its voxels fall into."""
    assert phantom.dce is not None
    places = np.argwhere(phantom.truth.lesion)
    homogeneous = np.c_[places, np.ones(len(places))]
    indices = np.rint(homogeneous @ (np.linalg.inv(affine) @ phantom.dce.affine).T)[:, :3].astype(int)
    inside = np.all((indices >= 0) & (indices < shape), axis=1)
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(indices[inside].T)] = True
    return ndimage.binary_closing(mask) | mask


def randomised(network: Mome) -> Mome:
    """The same architecture with every tensor's values drawn anew, with the same mean and spread."""
    other, generator = deepcopy(network), torch.Generator().manual_seed(0)
    for parameter in other.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        spread = parameter.std(correction=0) if parameter.numel() > 1 else torch.zeros(())
        parameter.data = parameter.mean() + spread * noise
    return other


def measure(candidate: Candidate, network: Mome, other: Mome, trial: Trial, limits: AttributionLimits) -> Measures:
    """Every measure of one candidate on one phantom."""
    start = time.process_time()
    maps, error, change, gradients = explain(candidate, network, trial, limits)
    cpu_s = time.process_time() - start
    random_maps, *_ = explain(candidate, other, trial, FEW)  # which map it is, not how exact
    signed = {m: ndimage.gaussian_filter(voxels, SMOOTHING_VOXELS) for m, voxels in maps.items()}
    pointed = {m: pointing(signed[m], trial, m) for m in maps if trial.lesions[m].any()}
    return Measures(
        str(candidate),
        float(pointed[Modality.DCE][0]),
        float(np.mean([hit for hit, _ in pointed.values()])),
        pointed[Modality.DCE][1],
        float(np.mean([concentration(maps[m], trial.lesions[m]) for m in maps if trial.lesions[m].any()])),
        curve(network, trial, signed, insert=False),
        curve(network, trial, signed, insert=True),
        float(np.mean([abs(stats.spearmanr(maps[m].ravel(), random_maps[m].ravel())[0]) for m in maps])),
        error,
        change,
        gradients,
        cpu_s,
    )


def explain(
    candidate: Candidate, network: Mome, trial: Trial, limits: AttributionLimits
) -> tuple[Maps, float, float, int]:
    """Maps summed over channels, completeness error, change of log odds along the path, gradients."""
    if candidate.method is None:
        rng = np.random.default_rng(0)  # the same map whatever the model: randomisation tells
        return {m: rng.normal(size=volume.shape[2:]) for m, volume in trial.volumes.items()}, np.nan, np.nan, 0
    found = attribute(
        network,
        trial.volumes,
        ENDPOINT,
        method=candidate.method,
        baseline=candidate.baseline or Baseline.ZERO,
        limits=limits,
    )
    maps = {modality: found.summed(modality) for modality in found.maps}
    return maps, found.completeness_error, found.value - found.baseline_value, found.steps


def pointing(smooth: NDArray[np.floating], trial: Trial, modality: Modality) -> tuple[bool, float]:
    """Whether the peak is in the lesion or near it, and its distance to the lesion's centre in mm."""
    peak = np.unravel_index(smooth.argmax(), smooth.shape)
    place_mm = (trial.affines[modality] @ np.array([*peak, 1.0]))[:3]
    lesion_mm = (
        trial.affines[modality] @ np.c_[np.argwhere(trial.lesions[modality]), np.ones(trial.lesions[modality].sum())].T
    )[:3]
    nearest = np.linalg.norm(lesion_mm - place_mm[:, None], axis=0).min()
    return bool(nearest <= NEAR_MM), float(np.linalg.norm(place_mm - trial.centre_mm))


def concentration(voxels: NDArray[np.floating], lesion: NDArray[np.bool_]) -> float:
    """Share of the absolute attribution in the lesion over the lesion's share of the voxels."""
    return float(np.abs(voxels[lesion]).sum() / np.abs(voxels).sum() / lesion.mean())


def curve(network: Mome, trial: Trial, signed: Maps, *, insert: bool) -> float:
    """Mean probability while the most salient voxels of all modalities go to zero, or come back from it."""
    ranks = {
        m: stats.rankdata(-voxels, method="ordinal").reshape(voxels.shape) / voxels.size for m, voxels in signed.items()
    }
    values = []
    for share in SHARES:
        keep = {m: torch.from_numpy((rank <= share) == insert).float() for m, rank in ranks.items()}
        values.append(probability(network, {m: volume * keep[m] for m, volume in trial.volumes.items()}))
    return float(np.mean(values))


@torch.no_grad()
def probability(network: Mome, volumes: Mapping[Modality, Tensor]) -> float:
    return float(network.probability(ENDPOINT, network(volumes)[ENDPOINT]))


def table(measures: list[Measures]) -> str:
    """Markdown: the mean of every measure over the phantoms; error and change as median, error also at its worst."""
    lines = [
        "| method, baseline | hit on DCE | hit | peak mm | concentration | deletion | insertion | randomisation "
        "| completeness error, median (worst) | change of log odds | gradients | CPU s |",
        "| --- |" + " ---: |" * 11,
    ]
    for candidate in CANDIDATES:
        rows = [each for each in measures if each.candidate == str(candidate)]
        mean = {k: np.mean([getattr(row, k) for row in rows]) for k in Measures.__slots__ if k != "candidate"}
        errors, change = np.array([row.completeness_error for row in rows]), np.median([row.change for row in rows])
        has_baseline = bool(np.isfinite(errors).all())
        error = f"{np.median(errors):.2%} ({errors.max():.2%}) | {change:+.2f}" if has_baseline else "none | none"
        lines.append(
            f"| {candidate} | {mean['hit_dce']:.2f} | {mean['hit']:.2f} | {mean['peak_mm']:.0f} "
            f"| {mean['concentration']:.1f} | {mean['deletion']:.2f} | {mean['insertion']:.2f} "
            f"| {mean['randomisation']:.2f} | {error} | {mean['gradients']:.0f} | {mean['cpu_s']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
