"""Studies for tests, in a few words; each is simulated once per session and written where the test asks.

phantom.study(tmp_path, vendor="ge", layout="series-per-phase")      the whole study
phantom.dce(tmp_path, phases=3) + phantom.subtraction(tmp_path)      some series of it
phantom.examination(lesion="benign").case()                          without DICOM
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pydicom

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import StudyOptions, Trap
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study


@cache
def simulated(spec: PhantomSpec) -> Phantom:
    """The examination of a spec; nobody may write into its arrays."""
    phantom = simulate(spec)
    for volume in (phantom.dce, phantom.t1, phantom.t2, phantom.adc, *phantom.dwi.values()):
        if volume is not None:
            volume.voxels.flags.writeable = False
    return phantom


def examination(lesion: str = "malignant", size: str = "tiny", seed: int = 1, **spec: Any) -> Phantom:
    """A simulated examination; more of PhantomSpec by name."""
    return simulated(PhantomSpec(seed=seed, lesion=Lesion(lesion), size=Size(size), **spec))


def study(
    folder: Path,
    vendor: str = "siemens",
    layout: str | None = None,
    *,
    traps: Iterable[Trap | str] = (),
    only: tuple[str, ...] = (),
    options: StudyOptions | None = None,
    **spec: Any,
) -> list[Path]:
    """Write a study below `folder`; the paths of its instances, series by series.

    only : the series to write, by the words dce, t1, t2, dwi, adc, sub, mip, localizer; all when empty.
    """
    options = options or StudyOptions(traps=frozenset(map(Trap, traps)))
    return write_study(examination(**spec), vendor, layout, folder, replace(options, only=only or options.only))


def series(paths: Iterable[Path], *keys: str) -> list[Path]:
    """Those instances of a study that belong to some series; "dce" also finds the phases dce0, dce1, ..."""
    return [path for path in paths if any(key_of(path).startswith(key) for key in keys)]


def key_of(path: Path) -> str:
    """The word of a series folder such as 0006-dce0."""
    return path.parent.name.split("-", 1)[1]


def dce(folder: Path, vendor: str = "siemens", layout: str | None = None, phases: int = 6, **more: Any) -> list[Path]:
    """The dynamic alone: one pre-contrast and `phases` - 1 post-contrast phases; more as for `study`."""
    return study(folder, vendor, layout, only=("dce",), post_phases=phases - 1, **more)


def t1(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """T1-weighted without fat suppression."""
    return study(folder, vendor, layout, only=("t1",), **more)


def t2(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """T2-weighted with fat suppression."""
    return study(folder, vendor, layout, only=("t2",), **more)


def dwi(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """Trace-weighted images of all b-values."""
    return study(folder, vendor, layout, only=("dwi",), **more)


def adc(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """The ready-made ADC map."""
    return study(folder, vendor, layout, only=("adc",), **more)


def subtraction(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """The ready-made subtraction of the first post-contrast phase."""
    return study(folder, vendor, layout, only=("sub",), **more)


def mip(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """The ready-made projection of that subtraction."""
    return study(folder, vendor, layout, only=("mip",), **more)


def localizer(folder: Path, vendor: str = "siemens", layout: str | None = None, **more: Any) -> list[Path]:
    """Three orientations in one series."""
    return study(folder, vendor, layout, only=("localizer",), **more)


def edited(paths: Iterable[Path], change: Callable[[pydicom.Dataset], None]) -> list[Path]:
    """The same files after `change` has been made to each data set."""
    paths = list(paths)
    for path in paths:
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)
    return paths
