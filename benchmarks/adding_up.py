"""Do the explanations add up to the reported score, and what do they cost?

    python -m benchmarks.adding_up                          the shipped model, 40 phantoms: half an hour on one core
    python -m benchmarks.adding_up --cases 6 --json adding_up.json

On unseen phantoms, half with a malignant and half with a benign lesion, through the node's own analysis:

sum             |base + contributions - probability|, from the JSON that the node keeps, and as the page prints it
shuffled        points that a modality contributes when its voxels in the breasts change places at random
cost            CPU seconds of scores with contributions over those of scores alone, in turn on the same case
maps            completeness error, log odds of the explained versions less the score's, relative to the reported ones

Exit code 1 when a sum misses 1e-6 (0.1 point in print), the cost is above 1.75, or a map misses 1 %, or 5 % of the
reported log odds in the median, or when a shuffled modality contributes more than a point.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.study.classify import assign_roles
from mome_core.case import Case, Modality
from mome_core.inference import analyze, score
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.policy import Policy, default_policy
from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.prepare import PreparedCase, prepare
from mome_core.results import Result, Score
from mome_core.scoring import version_log_odds
from node.analysis import AnalysisOutcome, summarize
from node.summary import AnalysisSummary
from node.summary_words import score_points, score_sum

SHIPPED = Path(__file__).parents[1] / "node" / "models_shipped" / "demo"
FIRST_SEED = 4_000_000  # no other benchmark, no training and no validation case begins here
LARGEST_GAP, LARGEST_PRINTED_GAP, LARGEST_COST = 1e-6, 0.1, 1.75
COST = "scores with contributions / scores alone, median"
LARGEST_SHUFFLED = 1.0
LARGEST_COMPLETENESS_ERROR, LARGEST_MEDIAN_DIFFERENCE = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Sums:
    """One phantom: how far its numbers are from adding up; shares in units of probability, points in percent.

    Parameters
    ----------
    shuffled
        Points that each modality contributes when its own voxels are shuffled.
    cost
        CPU seconds with contributions over those without; None where it was not measured.
    difference
        Log odds of the explained versions less the reported ones.
    """

    seed: int
    malignant: bool
    probability: float
    gap: float
    printed_gap: float
    contributions: dict[str, float]
    shuffled: dict[str, float]
    cost: float | None
    completeness_error: float
    difference: float
    reported_log_odds: float
    gradients: int
    seconds: dict[str, float]


def main() -> None:
    """Measure, print, and judge."""
    arguments = parse()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(arguments.bundle)
    measured = []
    for sums in measure_all(checkpoint, arguments.cases, arguments.timed, Size(arguments.size)):
        measured.append(sums)
        print(json.dumps(asdict(sums)), file=sys.stderr, flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps([asdict(each) for each in measured], indent=1))
    figures = figures_of(measured)
    for name, value in figures.items():
        print(f"{name:58} {value:.3g}")
    sys.exit(not holds(figures))


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description="Do explanations add up to the reported score, and what do they cost?")
    p.add_argument("--bundle", type=Path, default=SHIPPED)
    p.add_argument("--cases", type=int, default=40)
    p.add_argument("--timed", type=int, default=10, help="how many cases measure the cost; 0 for none")
    p.add_argument("--size", default=Size.SMALL.value, choices=[size.value for size in Size])
    p.add_argument("--json", type=Path)
    return p.parse_args()


def measure_all(checkpoint: Checkpoint, cases: int, timed: int, size: Size) -> Iterator[Sums]:
    """Malignant and benign in turn."""
    for n in range(cases):
        lesion = Lesion.BENIGN if n % 2 else Lesion.MALIGNANT
        yield measure(checkpoint, PhantomSpec(seed=FIRST_SEED + n, lesion=lesion, size=size), timed=n < timed)


def measure(checkpoint: Checkpoint, spec: PhantomSpec, *, timed: bool) -> Sums:
    """One phantom through the node's analysis, and again with each modality's voxels shuffled."""
    case = simulate(spec).case()
    policy = default_policy(checkpoint.network)
    result = analyze(case, checkpoint, policy)
    prepared = prepare(case, checkpoint.recipe)
    score_ = result.scores[0]
    if score_.probability is None or score_.base_probability is None:
        raise SystemExit(f"phantom {spec.seed}: no score that could add up ({result.withheld or 'no base rate'})")
    map_ = result.saliency[0]
    return Sums(
        seed=spec.seed,
        malignant=spec.lesion is Lesion.MALIGNANT,
        probability=score_.probability,
        gap=gap_in_json(result),
        printed_gap=gap_in_print(result),
        contributions=points_of(score_),
        shuffled={m: points_of_shuffled(case, m, prepared, checkpoint, policy) for m in prepared.modalities},
        cost=cost(checkpoint, prepared, policy) if timed else None,
        completeness_error=map_.completeness_error,
        difference=map_.difference,
        reported_log_odds=map_.reported_log_odds,
        gradients=map_.steps,
        seconds=dict(result.timings_s),
    )


def gap_in_json(result: Result) -> float:
    """From the text that the ledger keeps and the API gives out."""
    kept = json.loads(json.dumps(summary_of(result).to_json()))["scores"][0]
    return abs(float(kept["base_probability"] + sum(kept["contributions"].values()) - kept["probability"]))


def gap_in_print(result: Result) -> float:
    """From the digits that page, dashboard and terminal print, in points."""
    printed = summary_of(result).scores[0]
    start, end = (float(each) for each in re.findall(r"([\d.]+) %", score_sum(printed)))
    return abs(start + sum(round(points, 1) for points in score_points(printed).values()) - end)


def summary_of(result: Result) -> AnalysisSummary:
    headers = read_series_headers([])
    return summarize(AnalysisOutcome(headers, assign_roles(headers), None, result, None, "", "", result.timings_s))


def points_of(score_: Score) -> dict[str, float]:
    return {each.modality: 100 * each.value for each in score_.contributions}


def points_of_shuffled(
    case: Case, modality: Modality, prepared: PreparedCase, checkpoint: Checkpoint, policy: Policy
) -> float:
    """What a modality contributes once its voxels have changed places; nothing where it is not used any more."""
    noisy = prepare(shuffled(case, modality, prepared.breasts), checkpoint.recipe)
    return points_of(score(noisy.arrays, checkpoint, policy)[0]).get(modality, 0.0)


def shuffled(case: Case, modality: Modality, breasts: BreastMask | None = None) -> Case:
    """The same values of one modality at other places in the breasts (or anywhere), phases of a place kept together."""
    source = case.sources[modality]
    i, j, k = source.voxels.shape[-3:]
    inside = np.ones((i, j, k), bool) if breasts is None else breasts.on(source.affine, (i, j, k))
    voxels = source.voxels.copy()
    voxels[..., inside] = voxels[..., inside][..., np.random.default_rng(0).permutation(int(inside.sum()))]
    return replace(case, **{modality.lower(): replace(source, voxels=voxels)})


def cost(checkpoint: Checkpoint, prepared: PreparedCase, policy: Policy) -> float:
    """CPU seconds with all coalitions over CPU seconds of the reported score alone, in turn, each the best of three."""
    alone = partial(
        version_log_odds,
        checkpoint.network,
        prepared.arrays,
        checkpoint.recipe,
        checkpoint.estimator,
        arithmetic=policy.arithmetic,
    )
    times = [(cpu_seconds(partial(score, prepared.arrays, checkpoint, policy)), cpu_seconds(alone)) for _ in range(3)]
    together, single = (min(each) for each in zip(*times, strict=True))
    return together / single


def cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def figures_of(measured: list[Sums]) -> dict[str, float]:
    """What the phantoms say together."""
    costs = [each.cost for each in measured if each.cost is not None]
    figures = {
        "phantoms": float(len(measured)),
        "of these, timed": float(len(costs)),
        "largest |base + contributions - probability| in JSON": max(each.gap for each in measured),
        "the same in print, points": max(each.printed_gap for each in measured),
        **({COST: float(np.median(costs)), "the same, largest": max(costs)} if costs else {}),
        "largest completeness error of a map": max(each.completeness_error for each in measured),
        "|explained - reported| / |reported log odds|, median": float(
            np.median([abs(each.difference / each.reported_log_odds) for each in measured])
        ),
        "|explained - reported| log odds, largest": max(abs(each.difference) for each in measured),
        "gradients of a map, mean": float(np.mean([each.gradients for each in measured])),
    }
    for modality in Modality:
        moved = np.abs([each.shuffled[modality] for each in measured if modality in each.shuffled])
        given = np.abs([each.contributions[modality] for each in measured if modality in each.contributions])
        figures[f"|contribution of {modality}|, points, median"] = float(np.median(given))
        figures[f"{modality} shuffled: |contribution|, median"] = float(np.median(moved))
        figures[f"{modality} shuffled: |contribution|, largest"] = float(moved.max())
        figures[f"{modality} shuffled: cases within 1 point"] = float((moved <= 1).mean())
    return figures


def holds(figures: dict[str, float]) -> bool:
    """Whether everything that is promised is so."""
    return (
        figures["largest |base + contributions - probability| in JSON"] <= LARGEST_GAP
        and figures["the same in print, points"] <= LARGEST_PRINTED_GAP
        and figures.get(COST, 0.0) <= LARGEST_COST
        and figures["largest completeness error of a map"] < LARGEST_COMPLETENESS_ERROR
        and figures["|explained - reported| / |reported log odds|, median"] <= LARGEST_MEDIAN_DIFFERENCE
        and all(figures[f"{modality} shuffled: |contribution|, largest"] <= LARGEST_SHUFFLED for modality in Modality)
    )


if __name__ == "__main__":
    main()
