"""Do the bounds that the demo model states hold for patients whom it has not seen?

    python examples/demo_model/bounds.py --model node/models_shipped/demo

Simulated patients of the kind it was calibrated on, each from all seven sets of modalities, scored and called as
`mome-node evaluate` does. Printed are, for each set, what was measured beside the lower bound that the bundle states,
or why the set gives no call. Exit code 1 when a measured figure lies below its bound.

A bound holds for patients in general with 97.5 % confidence; what is counted on 200 of them scatters about the truth,
so a figure may miss its bound by chance. `chance` is how probable so few or fewer are if the bound itself is the truth
(binomial): below 2.5 %, the bound is refuted.

Half an hour on two CPU cores, most of it simulating and preparing; patients and answers are kept in --cache.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from cohort import RECIPE, TEST_SEEDS, add_patient_options, prepared
from scipy.stats import binom

from mome_core.calibration import Proportion, coalition_name
from mome_core.model.checkpoint import load_checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.results import Endpoint
from mome_core.training.exposure import exposure_report
from mome_core.training.scored import CoalitionFigures, score_cases


@dataclass(frozen=True, slots=True)
class Bound:
    """One figure of one set of modalities on unseen patients, beside what the bundle states of it."""

    name: str
    count: int
    of: int
    stated: Proportion

    @property
    def holds(self) -> bool:
        """Whether the figure is at least the bound."""
        return self.count / self.of >= self.stated.low

    @property
    def chance(self) -> float:
        """Probability of this few, or fewer, if the bound is the truth."""
        return float(binom.cdf(self.count, self.of, self.stated.low))

    def __str__(self) -> str:
        verdict = "holds" if self.holds else f"MISSED (chance {self.chance:.2f})"
        share = f"{self.count}/{self.of} = {self.count / self.of:.3f}"
        return f"{self.name} {share}, stated {self.stated.low:.3f}: {verdict}"


def main() -> None:
    """Measure, print, and judge."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(arguments.model)
    patients = prepared("test", arguments.patients, TEST_SEEDS, RECIPE, arguments)
    exposed = exposure_report(checkpoint.manifest, patients)
    print(exposed.headline(f"{checkpoint.identity.name} {checkpoint.identity.version}"), flush=True)
    if not exposed.is_test:
        raise SystemExit(2)
    answered = score_cases(checkpoint, patients, Endpoint.MALIGNANCY, cache=arguments.cache / "answers")
    found = [tell(each, answered.calibrations) for each in answered.coalition_figures()]
    sys.exit(not all(bound.holds for bounds in found for bound in bounds))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("node/models_shipped/demo"), help="bundle to measure")
    add_patient_options(parser)
    parser.add_argument("--patients", type=int, default=200, help="half of them malignant")
    return parser.parse_args()


def tell(measured: CoalitionFigures, calibrations: EndpointCalibrations) -> tuple[Bound, ...]:
    """Print one set of modalities; gives the bounds that it states."""
    name, auroc = coalition_name(measured.modalities), measured.figures["auroc"]
    print(f"{name:12} AUROC {auroc.value:.3f} ({auroc.low:.3f}-{auroc.high:.3f})", end="  ")
    validation = calibrations.of(measured.modalities).validation
    if measured.withheld or validation is None:
        print(f"no call: {measured.withheld}")
        return ()
    negative = measured.cases - measured.positive
    bounds = tuple(
        Bound(name, round(measured.figures[name].value * of), of, stated)
        for name, of, stated in (
            ("sensitivity", measured.positive, validation.sensitivity),
            ("specificity", negative, validation.specificity),
        )
    )
    print("; ".join(map(str, bounds)), flush=True)
    return bounds


if __name__ == "__main__":
    main()
