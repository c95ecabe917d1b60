"""Write a phantom as the files that a vendor's scanner would have sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_io.phantom import ge, philips, siemens, uih
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import Layout, StudyOptions
from dicom_io.phantom.plan import SeriesPlan, StudyPlan
from dicom_io.phantom.traps import with_traps
from dicom_io.phantom.writer import write_series
from dicom_io.vendors.base import Vendor


@dataclass(frozen=True, slots=True)
class SimulatedVendor:
    """The layouts that a vendor's scanners write, the usual one first, and the series of a study by them."""

    layouts: tuple[Layout, ...]
    plan: Callable[[StudyPlan], list[SeriesPlan]]


# One more vendor is a file that plans its series, and a row here.
SIMULATED_VENDORS = {
    Vendor.SIEMENS: SimulatedVendor(siemens.LAYOUTS, siemens.plan),
    Vendor.GE: SimulatedVendor(ge.LAYOUTS, ge.plan),
    Vendor.PHILIPS: SimulatedVendor(philips.LAYOUTS, philips.plan),
    Vendor.UIH: SimulatedVendor(uih.LAYOUTS, uih.plan),
}
LAYOUTS = {name: vendor.layouts for name, vendor in SIMULATED_VENDORS.items()}


def write_study(
    phantom: Phantom,
    vendor: str,
    layout: Layout | str | None,
    out_dir: Path,
    options: StudyOptions | None = None,
) -> list[Path]:
    """Write every instance of the study below `out_dir`, a folder per series; paths in the order of acquisition.

    Parameters
    ----------
    layout
        The vendor's usual one when None.

    Raises ValueError for a layout that this vendor does not use.
    """
    study = study_of(phantom, vendor, layout, options)
    plan, only = SIMULATED_VENDORS[vendor_named(vendor)].plan, study.options.only
    wanted = [each for each in with_traps(study, plan) if not only or each.key.startswith(only)]
    return [path for series in wanted for path in write_series(study, series, out_dir)]


def study_of(
    phantom: Phantom, vendor: str, layout: Layout | str | None, options: StudyOptions | None = None
) -> StudyPlan:
    """The study that `write_study` writes; its UIDs are known before a file exists."""
    name = vendor_named(vendor)
    layouts = SIMULATED_VENDORS[name].layouts
    layout = layouts[0] if layout is None else Layout(layout)
    if layout not in layouts:
        raise ValueError(f"{name.lower()} writes the layouts {', '.join(layouts)}, not {layout}")
    return StudyPlan(phantom, name.lower(), layout, options or StudyOptions())


def vendor_named(name: str) -> Vendor:
    """The vendor of that name, however it is capitalised; raises ValueError for one that is not simulated."""
    for vendor in SIMULATED_VENDORS:
        if vendor.lower() == name.lower():
            return vendor
    raise ValueError(f"{name} is not simulated; these are: {', '.join(vendor.lower() for vendor in SIMULATED_VENDORS)}")


def write_truth(study: StudyPlan, path: Path) -> None:
    """Write the ground truth of the phantom as JSON, to check a result against it."""
    spec, truth = study.phantom.spec, study.phantom.truth
    record = {
        "research_use_only": True,
        "study_instance_uid": study.uid("study"),
        "vendor": study.vendor,
        "layout": study.layout,
        "seed": spec.seed,
        "size": spec.size,
        "label": truth.label,
        "lesion_centre_mm_lps": truth.lesion_centre_mm,
        "lesion_volume_ml": truth.lesion_volume_ml,
        "lesion_ktrans_per_minute": truth.ktrans_per_minute,
        "lesion_adc_1e-3_mm2_per_s": truth.adc,
        "phase_times_s": truth.times_s,
        "breasts": spec.breasts,
    }
    if truth.drawn:
        record |= {"anatomy": spec.anatomy, "presentation": spec.presentation, "drawn": dict(truth.drawn)}
    path.write_text(json.dumps(record, indent=2) + "\n")
