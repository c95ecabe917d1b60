"""Write a phantom as the files that a vendor's scanner would have sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dicom_io.phantom import ge, philips, siemens, uih
from dicom_io.phantom.anatomy import Phantom
from dicom_io.phantom.options import LAYOUTS, Layout, StudyOptions, Trap, Vendor
from dicom_io.phantom.plan import Series, Study
from dicom_io.phantom.writer import write_series

__all__ = ["LAYOUTS", "Layout", "StudyOptions", "Trap", "Vendor", "write_study"]

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
    vendor = Vendor(vendor)
    layout = LAYOUTS[vendor][0] if layout is None else Layout(layout)
    if layout not in LAYOUTS[vendor]:
        raise ValueError(f"{vendor} writes {', '.join(LAYOUTS[vendor])}; not {layout}")
    study = Study(phantom, vendor, layout, options or StudyOptions())
    return [path for series in PLANS[vendor](study) for path in write_series(study, series, out_dir)]
