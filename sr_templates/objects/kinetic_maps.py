"""The kinetics of each voxel as Parametric Maps (PS3.3 A.75): initial uptake, delayed change, time to peak.

Off by default: each map is as large as the saliency map, and workstations of breast MRI compute their own. Stored
values are the numbers themselves, in the unit that the real world value mapping states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from highdicom import VOILUTTransformation
from highdicom.pm import RealWorldValueMapping
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from mome_core.case import Modality
from mome_core.measurements import ENHANCING_PERCENT, KineticMaps
from mome_core.volume import Volume
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.grid import Placement, place
from sr_templates.dicom.repairs import MAP_REPAIRS, FrameFacts, repair
from sr_templates.dicom.streamed import Planes
from sr_templates.errors import NotShowable
from sr_templates.kinds import Kind
from sr_templates.objects.saliency_map import map_of_one_pixel


@dataclass(frozen=True, slots=True, eq=False)
class _Quantity:
    """One map: what it is of, its unit, and the window to show it in.

    Parameters
    ----------
    name
        In the series description, at most 24 characters.
    window
        Centre and width.
    """

    name: str
    volume: Volume
    code: Code
    unit: Code
    window: tuple[float, float]
    method: str


def build(context: BuildContext) -> Instances:
    """One map of each quantity that was measured, each in a series of its own."""
    kinetics, evidence = context.kinetics, context.common.evidence
    if evidence.series_repeats_positions(Modality.DCE):
        raise NotShowable("the series holds several images at each position, on which viewers cannot overlay a map")
    maps = []
    for number, quantity in enumerate(_quantities(kinetics)):
        placement = place(quantity.volume, Modality.DCE, evidence).without_empty_ends()
        instance = _build_map(context.common, quantity, placement)
        instance.SeriesInstanceUID = context.common.uid("series", Kind.KINETIC_MAPS, quantity.name)
        instance.SeriesNumber += number
        maps.append(instance)
    return tuple(maps)


def _quantities(kinetics: KineticMaps) -> Iterator[_Quantity]:
    before = "Percent of the signal before contrast; zero outside of the breasts and where that signal is noise"
    yield _Quantity(
        "initial uptake %",
        kinetics.initial_uptake_percent,
        codes.INITIAL_UPTAKE,
        codes.PERCENT,
        (100.0, 200.0),
        f"(first post-contrast - pre-contrast) / pre-contrast. {before}",
    )
    enhancing = f"zero where the initial uptake is below {ENHANCING_PERCENT:g} %"
    if kinetics.delayed_change_percent is not None:
        yield _Quantity(
            "delayed change %",
            kinetics.delayed_change_percent,
            codes.DELAYED_CHANGE,
            codes.PERCENT,
            (0.0, 100.0),
            f"(last - first post-contrast) / first post-contrast; {enhancing}",
        )
    if kinetics.time_to_peak_s is not None:
        latest = float(kinetics.time_to_peak_s.voxels.max()) or 1.0
        yield _Quantity(
            "time to peak s",
            kinetics.time_to_peak_s,
            codes.TIME_TO_PEAK,
            codes.SECONDS,
            (latest / 2, latest),
            f"Phase of the highest signal, counted from the first post-contrast phase; {enhancing}",
        )


def _build_map(common: CommonAttributes, quantity: _Quantity, placement: Placement) -> Dataset:
    """One parametric map, one frame per slice that holds something."""
    instance = common.new_instance(Kind.KINETIC_MAPS, quantity.name, quantity=quantity.name)
    instance.ContentDescription = f"Measured {quantity.name}, research use only"
    instance.ImageComments = f"Measured without a network. {quantity.method}."
    instance.BodyPartExamined = "BREAST"
    planes = placement.volume.voxels.transpose(2, 1, 0)
    mapped = (float(planes.min()), float(planes.max()))
    mapping = RealWorldValueMapping(
        quantity.name, quantity.method[:64], quantity.unit, mapped, 1.0, 0.0, quantity_definition=quantity.code
    )
    window = VOILUTTransformation([quantity.window[0]], [quantity.window[1]], [quantity.name])
    built = map_of_one_pixel(
        instance,
        placement.images,
        planes.dtype,
        mappings=[mapping],
        window=window,
        label="KINETICS",
        derivation=codes.PERFUSION_ANALYSIS,
    )
    facts = FrameFacts(
        placement.images,
        common.uid("dimensions", "kinetics", quantity.name),
        quantity.method,
        pixels=Planes(planes, planes.dtype),
    )
    repair(instance, built, MAP_REPAIRS, facts)
    return instance
