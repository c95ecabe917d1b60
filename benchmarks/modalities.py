"""Whether evidence that is spread over the modalities is found: MOME against its parts, on cases made so.

    python -m benchmarks.modalities [--cases 900] [--seeds 5]

Each case is noise with a bright block in every modality; how bright is drawn around 0 or, for a positive case, around
1.0 (DCE), 0.8 (DWI), 0.6 (T2) standard deviations. DWI and DCE go together in positive cases and against each other in
negative ones (correlation +-0.95): a mass that enhances and restricts diffusion is malignant, one that does only one of
the two is not. No modality shows that by itself, and no weighted sum of them. By construction the best AUROCs are 0.76,
0.72, 0.67 from one modality, 0.84 from a weighted sum of all, 0.99 from all.

Trained are MOME, MOME on the DCE alone, and MOME without its experts, each from several seeds, because one training
says little of networks as small as these. Printed are mean AUROCs over the seeds on unseen cases, with a bootstrap over
their patients, and mean absolute Shapley values. Some thousand parameters; twelve minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.model.architecture import Architecture, EarlyAdapter, LateAdapter
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.preprocessing.recipe import Recipe, TrainingRange
from mome_core.results import Endpoint
from mome_core.scoring import pooled
from mome_core.training.bundle import write_bundle
from mome_core.training.config import Optimizer, Parts, TrainingConfig
from mome_core.training.dataset import Example, keep_arrays
from mome_core.training.loop import train
from mome_core.training.metrics import auroc
from mome_core.training.predict import answer_cases, truth
from mome_core.training.scored import score_cases
from mome_core.training.start import from_scratch
from mome_core.training.statistics import Comparison, paired_bootstrap
from mome_core.training.task import Task

_Scores = NDArray[np.float64]
RECIPE = Recipe(dce_size=(32, 16, 16), dwi_size=(16, 16, 16), t2_size=(16, 16, 16), dce_phases=2)
MOME = Architecture(
    width=32, heads=2, ffn_width=32, layers=2, sparse_layers=1, adapter_width=16, soft_experts=3, stem_widths=(8, 8)
).for_recipe(RECIPE)
WITHOUT_EXPERTS = replace(MOME, early_adapter=EarlyAdapter.NONE, late_adapter=LateAdapter.NONE)
STRENGTH = {Modality.DCE: 1.0, Modality.DWI: 0.8, Modality.T2: 0.6}
CONCORDANCE = 0.95
CONFIG = TrainingConfig(
    epochs=20,
    batch_size=16,
    accumulation=1,
    optimizer=Optimizer.ADAMW,
    learning_rate=2e-3,
    final_learning_rate=1e-5,
    weight_decay=0.01,
    gradient_clip=1.0,
    parts=Parts.PUBLISHED,
    modality_dropout=0.2,
    threads=2,
)


def main() -> None:
    """Train networks, compare everything with the full one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=900, help="to learn from; two thirds as many are measured")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each network")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sides = cases(folder, 0, given.cases), cases(folder, 10_000, given.cases // 4)
        unseen = cases(folder, 20_000, 2 * given.cases // 3)
        alone = [[only(each, Modality.DCE) for each in side] for side in sides]
        seeds = range(1, given.seeds + 1)
        full = [trained(folder, f"full-{seed}", MOME, sides, seed) for seed in seeds]
        baseline = [trained(folder, f"dce-{seed}", MOME, (alone[0], alone[1]), seed) for seed in seeds]
        bare = [trained(folder, f"bare-{seed}", WITHOUT_EXPERTS, sides, seed) for seed in seeds]
        rows = [("MOME, all modalities", answers(full, unseen, tuple(Modality)))]
        rows += [(f"MOME, only {modality}", answers(full, unseen, (modality,))) for modality in Modality]
        rows += [("trained on DCE only", answers(baseline, unseen, (Modality.DCE,)))]
        rows += [("without experts", answers(bare, unseen, tuple(Modality)))]
        report(rows, truth(full[0].network, Endpoint.MALIGNANCY, unseen), [each.patient for each in unseen])
        found = [score_cases(each, unseen[:100], Endpoint.MALIGNANCY).contributions() for each in full]
        for modality in Modality:
            print(f"mean |Shapley value| of {modality}: {np.mean([abs(each[modality]) for each in found]):.3f}")


def answers(models: Sequence[Checkpoint], unseen: Sequence[Example], modalities: tuple[Modality, ...]) -> list[_Scores]:
    """What each of some models says to the unseen cases, from these modalities; nothing is withheld."""
    key, found = frozenset(modalities), []
    for each in models:
        said = answer_cases(each.network, unseen, each.recipe, each.estimator, every_coalition=True)
        log_odds = [pooled(case, Endpoint.MALIGNANCY, each.estimator)[key] for case in said]
        found.append(np.array([each.calibrations(Endpoint.MALIGNANCY).of(key).probability(v) for v in log_odds]))
    return found


def cases(folder: Path, first: int, count: int) -> list[Example]:
    """Cases with these seeds."""
    return [case(folder, seed) for seed in range(first, first + count)]


def case(folder: Path, seed: int) -> Example:
    """One case: noise, and in each modality a block whose brightness leans towards the label."""
    rng, label = np.random.default_rng(seed), seed % 2
    own, concordance = rng.normal(size=3), CONCORDANCE if label else -CONCORDANCE
    own[1] = concordance * own[0] + np.sqrt(1 - concordance**2) * own[1]
    arrays = {}
    for brightness, (modality, strength) in zip(own, STRENGTH.items(), strict=True):
        noise = rng.normal(size=(RECIPE.channels(modality), *(n - 2 for n in RECIPE.size(modality)))).astype(np.float32)
        noise[:, 3:11, 3:11, 3:11] += brightness + strength * label
        arrays[modality] = noise
    path = folder / f"{seed}.safetensors"
    keep_arrays(path, {m: arrays[m] for m in Modality}, TrainingRange())
    return Example(
        f"case {seed}", f"patient {seed}", {Endpoint.MALIGNANCY: label}, path, InputFacts.of_modalities(Modality)
    )


def only(example: Example, modality: Modality) -> Example:
    """The same case as if nothing else had been acquired."""
    path = example.path.with_name(f"{example.path.stem}-{modality}.safetensors")
    keep_arrays(path, {modality: example.arrays()[modality]}, TrainingRange())
    return replace(example, path=path, facts=InputFacts.of_modalities([modality]))


def trained(
    folder: Path, name: str, architecture: Architecture, sides: tuple[list[Example], list[Example]], seed: int
) -> Checkpoint:
    """A checkpoint learned from these training and validation cases."""
    config = replace(CONFIG, seed=seed)
    task = Task(from_scratch(architecture, seed), RECIPE, tuple(sides[0]), tuple(sides[1]), config)
    outcome = train(task, folder / f"{name}.run")
    write_bundle(folder / name, task, outcome, Description(name, "1", "Knows bright blocks."))
    print(f"{name}: validation AUROC {outcome.best_auroc:.3f}", file=sys.stderr, flush=True)
    return load_checkpoint(folder / name)


def report(rows: Sequence[tuple[str, list[_Scores]]], positive: NDArray[np.bool_], patients: list[str]) -> None:
    """One line for each kind of network, against the first: mean over the seeds."""

    def mean_auroc(scores: list[_Scores], cases: NDArray[np.int64]) -> float:
        return float(np.mean([auroc(positive[cases], each[cases]) for each in scores]))

    def against_first(scores: list[_Scores]) -> Comparison:
        return paired_bootstrap(lambda i: (mean_auroc(rows[0][1], i), mean_auroc(scores, i)), patients)

    for name, scores in rows:
        found = against_first(scores)
        of_seeds = ", ".join(f"{auroc(positive, each):.3f}" for each in scores)
        print(
            f"{name:22} AUROC {found.second:.3f}  full minus this {found.difference}  p = {found.p_value:.3f}"
            f"  (seeds {of_seeds})"
        )


if __name__ == "__main__":
    main()
