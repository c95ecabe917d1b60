"""Studies of a phantom of a few hundred voxels, planned and encoded in memory: what a vendor's files would say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from dicom_io.phantom.encode import Encoder
from dicom_io.phantom.examination import GroundTruth, Phantom
from dicom_io.phantom.grid import SamplingGrid, grids_of
from dicom_io.phantom.options import StudyOptions, Trap
from dicom_io.phantom.plan import SeriesPlan, StudyPlan
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.traps import with_traps
from dicom_io.phantom.vendors import SIMULATED_VENDORS, study_of, vendor_named
from dicom_io.phantom.writer import INSTANCES
from mome_core.volume import Dynamic, Volume

SHAPE = (6, 5, 4)  # columns, rows, slices of every volume but the localizers


def small_phantom(**spec: Any) -> Phantom:
    """Noise in place of a patient, with the geometry and times of a spec; more of PhantomSpec by name."""
    wanted = PhantomSpec(**spec)
    rng, grids = np.random.default_rng(wanted.seed), grids_of(wanted)

    def volume(grid: SamplingGrid, shape: tuple[int, ...] = SHAPE) -> Volume:
        return Volume(rng.integers(1, 4000, shape, np.int16), grid.affine, "1.2.840.99")

    phases = rng.integers(1, 4000, (len(wanted.times_s), *SHAPE), np.int16)
    nowhere = np.zeros(SHAPE, bool)
    return Phantom(
        spec=wanted,
        dce=Dynamic(phases, grids.dce.affine, "1.2.840.99", wanted.times_s),
        t1=volume(grids.t1),
        t2=volume(grids.t2),
        dwi={b: volume(grids.dwi) for b in wanted.b_values},
        adc=volume(grids.dwi),
        localizers=tuple(volume(grid, (6, 6, 3)) for grid in grids.localizers),
        truth=GroundTruth(wanted.lesion, nowhere, None, 0.0, nowhere, nowhere, wanted.times_s, None, None),
    )


def planned(
    vendor: str, layout: str | None = None, *, traps: Iterable[Trap] = (), **spec: Any
) -> tuple[StudyPlan, list[SeriesPlan]]:
    """A study and its series on paper."""
    study = study_of(small_phantom(**spec), vendor, layout, StudyOptions(traps=frozenset(traps)))
    return study, with_traps(study, SIMULATED_VENDORS[vendor_named(vendor)].plan)


def written(vendor: str, layout: str | None = None, *, only: tuple[str, ...] = (), **more: Any) -> list[Dataset]:
    """Every instance as the vendor would write it, with its pixels.

    Parameters
    ----------
    only
        Words of the series (dce, t1, t2, dwi, adc, sub, mip, localizer); all when empty. more : as for `planned`.
    """
    study, series = planned(vendor, layout, **more)
    encoder = Encoder(study.options.transfer_syntax)
    return [
        dataset_of(elements)
        for each in series
        if not only or each.key.startswith(only)
        for _, elements in INSTANCES[each.objects](study, each, encoder)
    ]


def dataset_of(elements: dict[Any, Any]) -> Dataset:
    """The elements as one data set."""
    dataset = Dataset()
    for element in elements.values():
        dataset[element.tag] = element
    return dataset
