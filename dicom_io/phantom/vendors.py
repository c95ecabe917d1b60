"""Write a phantom as the files that a vendor's scanner would have sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from dicom_io.phantom import ge, philips, siemens, uih
from dicom_io.phantom.anatomy import Phantom
from dicom_io.phantom.options import LAYOUTS, Layout, StudyOptions, Trap, Vendor
from dicom_io.phantom.plan import Series, Study
from dicom_io.phantom.traps import with_traps
from dicom_io.phantom.writer import write_series

__all__ = ["LAYOUTS", "Layout", "StudyOptions", "Trap", "Vendor", "study_of", "write_study", "write_truth"]

PLANS: dict[Vendor, Callable[[Study], list[Series]]] = {
    Vendor.SIEMENS: siemens.plan,
    Vendor.GE: ge.plan,
    Vendor.PHILIPS: philips.plan,
    Vendor.UIH: uih.plan,
}


def write_study(
    phantom: Phantom,
    vendor: Vendor | str,
    layout: Layout | str | None,
    out_dir: Path,
    options: StudyOptions | None = None,
) -> list[Path]:
    """Write every instance of the study below `out_dir`, a folder per series; paths in the order of acquisition.

    layout : the vendor's usual one when None.
    Raises ValueError for a layout that this vendor does not use.
    """
    study = study_of(phantom, vendor, layout, options)
    only = study.options.only
    wanted = [s for s in with_traps(study, PLANS[Vendor(study.vendor)]) if not only or s.key.startswith(only)]
    return [path for series in wanted for path in write_series(study, series, out_dir)]


def study_of(
    phantom: Phantom, vendor: Vendor | str, layout: Layout | str | None, options: StudyOptions | None = None
) -> Study:
    """The study that `write_study` writes; its UIDs are known before a file exists."""
    vendor = Vendor(vendor)
    layout = LAYOUTS[vendor][0] if layout is None else Layout(layout)
    if layout not in LAYOUTS[vendor]:
        raise ValueError(f"{vendor} writes the layouts {', '.join(LAYOUTS[vendor])}, not {layout}")
    return Study(phantom, vendor, layout, options or StudyOptions())


def write_truth(study: Study, path: Path) -> None:
    """What was put into the phantom, as JSON, for whoever checks a result against it."""
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
    path.write_text(json.dumps(record, indent=2) + "\n")
