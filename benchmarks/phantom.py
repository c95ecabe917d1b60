"""Can a phantom's lesions be told apart by arithmetic, and does it look like a breast to a spectrum?

    python -m benchmarks.phantom [--cases 400] [--size small] [--anatomy detailed] [--json]

Printed beside their limits are: the separability (AUROC, malignant against benign) of every drawn parameter and of
kinetics, T2 and ADC together; of four scalars that anybody measures without knowing where the lesion is; of what can be
measured within the lesion's mask; how often the hottest voxel of the breasts lies in a lesion; the slope of the
parenchyma's power spectrum; and the terraces that stacked slices leave in projections. Logistic regressions are
cross-validated (5 parts). Malignant, benign and healthy patients are 3 : 3 : 1. Exit code 1 when a limit is missed.
About four minutes on one core for 400 patients of size small.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.spec import Anatomy, Lesion, PhantomSpec, Size
from mome_core.training.metrics import auroc
from mome_core.volume import Volume

SEEDS = 9_000_000
FRONT_MM = 10.0
"""Rows before this LPS position hold breasts and no chest wall, in axial images of either anatomy."""
LESIONS = (*(Lesion.MALIGNANT, Lesion.BENIGN) * 3, Lesion.NONE)
DRAWN = ("ktrans_per_minute", "ve", "vp", "core_uptake", "t2_ms", "adc")
"""Kinetics, T2 and ADC; the size and shape of a lesion are drawn as well, and count among the single parameters."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeasuredPhantom:
    """What one phantom contributes to the figures; `drawn` and `within` are None without a lesion."""

    label: Lesion
    drawn: dict[str, float] | None
    blind: tuple[float, ...]
    within: tuple[float, ...] | None
    hottest_in_lesion: bool
    slope: float
    terraces: tuple[float, float]
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and the limits that it must keep; None: for information."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def holds(self) -> bool:
        return not (self.low is not None and self.value < self.low) and not (
            self.high is not None and self.value > self.high
        )

    def __str__(self) -> str:
        limits = f"{'' if self.low is None else self.low} to {'' if self.high is None else self.high}"
        asked = "" if self.low is None and self.high is None else f"  ({limits}) {'' if self.holds else 'MISSED'}"
        return f"{self.name:52} {self.value:7.3f}{asked}"


def main() -> None:
    """Measure, print, and judge."""
    arguments = parse_arguments()
    specs = [
        PhantomSpec(
            seed=SEEDS + n, lesion=LESIONS[n % 7], size=Size(arguments.size), anatomy=Anatomy(arguments.anatomy)
        )
        for n in range(arguments.cases)
    ]
    with ProcessPoolExecutor(arguments.workers) as pool:
        found = list(pool.map(measured, specs, chunksize=4))
    figures = figures_of(found)
    if arguments.json:
        print(json.dumps({each.name: each.value for each in figures}))
    else:
        print("\n".join(map(str, figures)))
    sys.exit(not all(each.holds for each in figures))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--size", choices=list(Size), default=Size.SMALL.value)
    parser.add_argument("--anatomy", choices=list(Anatomy), default=Anatomy.DETAILED.value)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measured(spec: PhantomSpec) -> MeasuredPhantom:
    """One phantom, simulated and measured."""
    begin = time.process_time()
    phantom = simulate(spec)
    cpu_s = time.process_time() - begin
    enhancement, hottest = blind_enhancement(phantom)
    return MeasuredPhantom(
        label=spec.lesion,
        drawn=drawn_numbers(phantom),
        blind=blind_scalars(phantom, enhancement, hottest),
        within=within_lesion(phantom) if phantom.truth.lesion.any() else None,
        hottest_in_lesion=bool(phantom.truth.lesion[hottest]),
        slope=parenchyma_slope(phantom),
        terraces=(coronal_terraces(phantom), axial_terraces(phantom)),
        cpu_s=cpu_s,
    )


def drawn_numbers(phantom: Phantom) -> dict[str, float] | None:
    """Every number that the generator drew about the lesion; shapes are counted from oval to spiculated."""
    if phantom.truth.lesion_centre_mm is None:
        return None
    order = ["oval", "round", "irregular", "spiculated"]
    numbers = {
        name: float(value)
        for name, value in phantom.truth.drawn.items()
        if name in (*DRAWN, "diameter_mm", "satellites") and isinstance(value, int | float)
    }
    return numbers | {"shape": float(order.index(str(phantom.truth.drawn.get("shape", "oval"))))}


def blind_enhancement(phantom: Phantom) -> tuple[_Numbers, tuple[int, ...]]:
    """First subtraction within the breasts (0 outside), and the index of its largest voxel."""
    assert phantom.dce is not None
    enhancement = phantom.dce.voxels[1].astype(float) - phantom.dce.voxels[0]
    enhancement[~(phantom.truth.left | phantom.truth.right)] = 0
    return enhancement, tuple(int(i) for i in np.unravel_index(enhancement.argmax(), enhancement.shape))


def blind_scalars(phantom: Phantom, enhancement: _Numbers, hottest: tuple[int, ...]) -> tuple[float, ...]:
    """Maximum subtraction, wash-out at the hottest voxel, maximum DWI, enhancing volume; in the breasts."""
    assert phantom.dce is not None
    series = phantom.dce.voxels[(slice(None), *hottest)].astype(float)
    washout = series[-1] / max(series[1], 1.0)
    breasts = phantom.truth.left | phantom.truth.right
    dwi = phantom.dwi[max(phantom.dwi)]
    diffusion = np.percentile(dwi.voxels[nearest(breasts, phantom.dce.affine, dwi)], 99.9)
    enhancing = float((enhancement > 0.5 * np.maximum(phantom.dce.voxels[0], 50))[breasts].sum())
    return (float(np.log(max(enhancement[hottest], 1))), washout, float(np.log(diffusion)), float(np.log1p(enhancing)))


def nearest(mask: NDArray[np.bool_], affine: _Numbers, onto: Volume) -> NDArray[np.bool_]:
    """A mask on the grid of another volume, by nearest neighbour."""
    index = np.indices(onto.voxels.shape).reshape(3, -1)
    matrix = np.linalg.inv(affine) @ onto.affine
    where = np.rint(matrix[:3, :3] @ index + matrix[:3, 3:]).astype(int)
    inside = np.all((where >= 0) & (where < np.array(mask.shape)[:, None]), axis=0)
    found = np.zeros(index.shape[1], bool)
    found[inside] = mask[tuple(where[:, inside])]
    return found.reshape(onto.voxels.shape)


def within_lesion(phantom: Phantom) -> tuple[float, ...]:
    """Early uptake, late change, T2-weighted signal and ADC, each the mean in the mask."""
    assert phantom.dce is not None
    assert phantom.t2 is not None
    assert phantom.adc is not None
    mask = phantom.truth.lesion
    curve = phantom.dce.voxels[:, mask].astype(float).mean(axis=1)

    def mean_on(volume: Volume) -> float:
        part = nearest(mask, phantom.dce.affine, volume) if phantom.dce else mask
        if not part.any():
            centre = np.array([*(phantom.truth.lesion_centre_mm or ()), 1.0])
            index = np.rint(np.linalg.inv(volume.affine) @ centre)[:3].astype(int)
            return float(volume.voxels[tuple(np.clip(index, 0, np.array(volume.voxels.shape) - 1))])
        return float(volume.voxels[part].mean())

    return (curve[1] / curve[0] - 1, curve[-1] / curve[1], mean_on(phantom.t2), mean_on(phantom.adc))


def parenchyma_slope(phantom: Phantom) -> float:
    """b of 1/f^b: windowed squares of 48 mm in the middle of each breast, T1-weighted, all slices that lie in it."""
    t1, spectra = phantom.t1, []
    assert phantom.dce is not None
    for side in (phantom.truth.left, phantom.truth.right):
        if not side.any():
            continue
        breast = nearest(side, phantom.dce.affine, t1)
        size = round(48 / t1.spacing_mm[0])
        middle = [int(np.mean(axis)) for axis in np.nonzero(breast)]
        corner = [max(0, m - size // 2) for m in middle[:2]]
        for k in range(breast.shape[2]):
            window = (slice(corner[0], corner[0] + size), slice(corner[1], corner[1] + size), k)
            if breast[window].mean() > 0.95:
                spectra.append(_spectrum(t1.voxels[window].astype(float)))
    if not spectra:
        return float("nan")
    frequency, power = np.mean(spectra, axis=0)
    use = (frequency > 0.06) & (frequency < 0.8 * frequency.max())
    return float(-np.polyfit(np.log(frequency[use]), np.log(power[use]), 1)[0])


def _spectrum(square: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Radial mean of the power spectrum, per bin of wave number (cycles per width / width of one voxel)."""
    size = square.shape[0]
    window = np.hanning(size)[:, None] * np.hanning(size)
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    bins = np.rint(k * size).astype(int)
    most = size // 2
    total = np.bincount(bins.ravel(), power.ravel())[2 : most + 1]
    return np.arange(2, most + 1) / size, total / np.bincount(bins.ravel())[2 : most + 1]


def coronal_terraces(phantom: Phantom) -> float:
    """Energy of the gradient along the slices at the slice's period in a coronal projection, against its neighbours.

    In front of the chest wall; the slices are interpolated by zero-filling before the projection, as scanners do.
    """
    assert phantom.dce is not None
    front = int((FRONT_MM - phantom.dce.affine[1, 3]) / phantom.dce.spacing_mm[1])
    early = phantom.dce.voxels[1, :, :front].astype(float) - phantom.dce.voxels[0, :, :front]
    count, factor = early.shape[2], 4
    padded = np.concatenate([early, early[:, :, ::-1]], axis=2)
    fine = resample(padded, 2 * count * factor, axis=2)[:, :, : (count - 1) * factor]
    gradient = np.diff(fine.max(axis=1), axis=1)
    gradient *= np.hanning(gradient.shape[1])
    return _peak_over_neighbours(gradient, np.arange(gradient.shape[1]) / factor)


def axial_terraces(phantom: Phantom) -> float:
    """The same in an axial projection, where the contours of stacked slices follow the height of the breast's skin.

    Energy of the projection as a function of that height at the slice's period, against its neighbours.
    """
    assert phantom.dce is not None
    voxels = phantom.dce.voxels
    early = voxels[1].astype(float) - voxels[0]
    breasts = phantom.truth.left | phantom.truth.right
    tissue = voxels[0].astype(float)
    threshold = 0.35 * np.median(tissue[breasts])
    heights, values = [], []
    for column, row in np.argwhere(breasts.any(axis=2)):
        line = tissue[column, row] > threshold
        first = int(line.argmax())
        if first == 0 or not line[first]:
            continue
        below, above = tissue[column, row, first - 1], tissue[column, row, first]
        heights.append(first - (above - threshold) / max(above - below, 1e-6))
        values.append(float(early[column, row].max()))
    if len(heights) < 50:
        return float("nan")
    order = np.argsort(heights)
    signal = np.log(np.maximum(np.array(values)[order], 1))
    trend = np.convolve(np.pad(signal, 40, "edge"), np.ones(81) / 81, "valid")
    return _peak_over_neighbours((signal - trend)[None], np.array(heights)[order])


def _peak_over_neighbours(signals: _Numbers, positions: _Numbers) -> float:
    """Energy at one cycle per slice, relative to the mean of frequencies around it."""

    def energy(frequency: float) -> float:
        wave = np.exp(2j * np.pi * frequency * positions)
        return float((np.abs((signals * wave).sum(axis=1)) ** 2).sum())

    around = [energy(frequency) for frequency in (0.7, 0.75, 0.8, 0.85, 1.15, 1.2, 1.25, 1.3)]
    return energy(1.0) / max(float(np.mean(around)), 1e-9)


def joint_auroc(features: Sequence[Sequence[float]], positive: NDArray[np.bool_], parts: int = 5) -> float:
    """AUROC of a logistic regression on standardised features, each case scored by a fit without its fifth."""
    x = np.array(features, float)
    x = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)])
    scores = np.zeros(len(x))
    order = np.random.default_rng(2026).permutation(len(x))
    for part in range(parts):
        held = order[part::parts]
        kept = np.setdiff1d(order, held)
        scores[held] = x[held] @ _fit(x[kept], positive[kept].astype(float))
    return auroc(positive, scores)


def _fit(x: _Numbers, y: _Numbers) -> _Numbers:
    """Logistic regression by Newton steps, with a little ridge."""
    weights = np.zeros(x.shape[1])
    ridge = np.eye(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge
        weights = weights + np.linalg.solve(hessian, x.T @ (y - p) - ridge @ weights)
    return weights


def separability(values: Sequence[float], positive: NDArray[np.bool_]) -> float:
    """AUROC, whichever direction it points to."""
    found = auroc(positive, values)
    return max(found, 1 - found)


def figures_of(found: Sequence[MeasuredPhantom]) -> list[Figure]:
    """All figures with their limits (issue 22)."""
    lesions = [each for each in found if each.label is not Lesion.NONE]
    positive = np.array([each.label is Lesion.MALIGNANT for each in lesions])
    drawn = [each.drawn or {} for each in lesions]
    whose = partial(_column, drawn)
    singles = [Figure(f"drawn {name}", separability(whose(name), positive)) for name in sorted(drawn[0])]
    figures = [*singles]
    if singles and set(DRAWN) <= set(drawn[0]):
        joint = [[np.log(each[name]) for name in DRAWN] for each in drawn]
        figures.append(Figure("largest single drawn parameter", max(each.value for each in singles), high=0.85))
        figures.append(Figure("drawn kinetics, T2, ADC jointly", joint_auroc(joint, positive), 0.93, 0.95))
    everyone = np.array([each.label is Lesion.MALIGNANT for each in found])
    inside = [list(each.within or ()) for each in lesions]
    slopes, coronal, axial = (
        float(np.nanmedian(values))
        for values in (
            [each.slope for each in found],
            [each.terraces[0] for each in found],
            [each.terraces[1] for each in found],
        )
    )
    return [
        *figures,
        Figure("four blind scalars", joint_auroc([each.blind for each in lesions], positive), high=0.90),
        Figure("four blind scalars, healthy too", joint_auroc([each.blind for each in found], everyone)),
        Figure("measured within the lesion, jointly", joint_auroc(inside, positive)),
        *(
            Figure(f"measured within the lesion: {name}", separability([each[n] for each in inside], positive))
            for n, name in enumerate(("early uptake", "late change", "T2", "ADC"))
        ),
        Figure("hottest voxel in a lesion", float(np.mean([each.hottest_in_lesion for each in lesions])), high=0.80),
        Figure("slope b of the parenchyma's spectrum", slopes, 2.5, 3.5),
        Figure("terraces, coronal projection", coronal, high=2.0),
        Figure("terraces, axial projection", axial, high=2.0),
        Figure("CPU seconds per study", float(np.mean([each.cpu_s for each in found]))),
    ]


def _column(rows: Sequence[dict[str, float]], name: str) -> list[float]:
    return [row[name] for row in rows]


if __name__ == "__main__":
    main()
