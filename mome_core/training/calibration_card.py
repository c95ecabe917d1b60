"""The calibrations of a model in words, for its card."""

from __future__ import annotations

from mome_core.calibration import Calibration, Proportion, coalition_name, withheld_words
from mome_core.model.estimators import CalibratedEstimator


def calibration_card(calibrated: CalibratedEstimator) -> str:
    """A table of every coalition for each endpoint, as Markdown."""
    parts = [f"Estimator: {calibrated.estimator}."]
    for endpoint, calibrations in calibrated.endpoints.items():
        rows = "\n".join(_row(each) for each in calibrations.coalitions.values())
        rate = "unknown" if calibrations.base_rate is None else f"{calibrations.base_rate:.1%}"
        parts.append(f"""### {endpoint}

Prevalence of the validation cases: {rate}. Figures with 95 % intervals (sensitivity and specificity Clopper-Pearson,
AUROC Newcombe); they hold for new patients like these although the operating points were chosen on the same cases.

| modalities | cases | AUROC | operating point | sensitivity | specificity |
| --- | --- | --- | --- | --- | --- |
{rows}""")
    return "\n\n".join(parts)


def _row(each: Calibration) -> str:
    name, validation = coalition_name(each.coalition), each.validation
    if validation is None:
        return f"| {name} | 0 | - | withheld: {withheld_words(each)} | - | - |"
    auroc = f"{validation.auroc.value:.3f} ({validation.auroc.low:.3f}-{validation.auroc.high:.3f})"
    start = f"| {name} | {validation.cases} | {auroc} |"
    if each.withheld is not None:
        return f"{start} withheld: {withheld_words(each)} | - | - |"
    shares = f"{_share(validation.sensitivity)} | {_share(validation.specificity)}"
    return f"{start} {each.threshold:.1%} | {shares} |"


def _share(of: Proportion) -> str:
    return f"{of.value:.1%} ({of.low:.1%}-{of.high:.1%})"
