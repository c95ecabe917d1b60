"""The cases: studies of the phantom in every vendor's layouts with every trap, as plain folders with their truth."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reader.score import OTHER_DYNAMIC
from benchmarks.reader.stamps import LENGTH, stamp
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.options import Layout, StudyOptions, Trap
from dicom_io.phantom.plan import InstanceLayout, SeriesPlan, SlicePlan, StudyPlan
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.traps import instance_order, with_traps
from dicom_io.phantom.vendors import LAYOUTS, SIMULATED_VENDORS, study_of, vendor_named
from dicom_io.phantom.writer import write_series
from dicom_io.vendors.base import Vendor

SPEC = PhantomSpec(seed=22, post_phases=3, b_values=(0.0, 800.0), spacing_scale=(1.0, 1.0, 2.0))
_HERE = Path(__file__).parent
_OTHER = ("repeated", "interrupted", "ultrafast")
# b-values that UIH writes beside the nominal ones (dicom_io/phantom/uih.py)
_ACTUAL = {0.0: 1.2512641359237109, 800.0: 800.0 * 0.9297501831337527}
# What no reader can know: the header elements that said it are gone, or never were.
UNKNOWABLE: dict[tuple[str, Trap], tuple[str, ...]] = {
    # the places of the slices stand in a private sequence
    ("uih-vframe", Trap.NO_OPTIONAL_TAGS): ("DCE volumes", "T2 volumes", "DWI volumes", "phase order", "b-values"),
    **{
        (layout, Trap.NO_OPTIONAL_TAGS): ("b-values",)  # only private elements and SequenceName have them
        for layout in ("siemens-series-per-phase", "siemens-one-series", "siemens-xa-classic")
    },
    **{(layout, Trap.NO_OPTIONAL_TAGS): ("b-values",) for layout in ("uih-one-series", "uih-series-per-phase")},
    # the last two phases share every clock; only the instance number told them apart
    ("uih-one-series", Trap.SHUFFLED_INSTANCE_NUMBERS): ("DCE volumes", "phase order"),
}


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """One study to read."""

    vendor: Vendor
    layout: Layout
    trap: Trap | None

    @property
    def name(self) -> str:
        return f"{self.vendor}-{self.layout}".lower() + (f"+{self.trap}" if self.trap else "")


@dataclass(frozen=True, slots=True, eq=False)
class _PlacedImage:
    """A slice and the instance that holds it; `frame` counts frames or tiles from 1."""

    series: SeriesPlan
    image: SlicePlan
    instance: int
    frame: int | None
    uid: str
    series_uid: str

    @property
    def place(self) -> tuple[str, int, int]:
        """The same for a classic image and its enhanced copy."""
        return self.series.key, self.image.stack.temporal_index, self.image.slice


def all_cases() -> list[BenchmarkCase]:
    """Every layout of every vendor, each without and with each trap."""
    layouts = [(vendor, layout) for vendor, some in LAYOUTS.items() for layout in some]
    return [BenchmarkCase(vendor, layout, trap) for trap in (None, *Trap) for vendor, layout in layouts]


def make(folder: Path, cases: Iterable[BenchmarkCase]) -> Iterator[BenchmarkCase]:
    """Write cases below `folder`/cases; a trap that leaves the files of a layout as they are makes none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("score.py", "README.md"):
        shutil.copy(_HERE / name, folder / name)
    untouched: dict[str, str] = {}  # the digest of each layout without a trap
    for case in cases:
        plain = replace(case, trap=None)
        with tempfile.TemporaryDirectory() as name:
            if plain.name not in untouched:
                untouched[plain.name] = _digest(_written(plain, Path(name) / "plain").files)
            written = _written(case, Path(name) / "case")
            if case.trap and _digest(written.files) == untouched[plain.name]:
                continue
            _lay_out(folder / "cases" / case.name, case, written)
        yield case


_Files = dict[tuple[int, int], list[Path]]  # (index of the series, instance) -> the file, and its duplicate


def _digest(files: _Files) -> str:
    """Of all files, whatever their names."""
    digest = sha256()
    for paths in files.values():
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _WrittenStudy:
    """A study as the phantom writes it, and which image lies where."""

    placed: list[_PlacedImage]
    files: _Files


def _written(case: BenchmarkCase, folder: Path) -> _WrittenStudy:
    """The study of a case below `folder`."""
    options = StudyOptions(traps=frozenset({case.trap} if case.trap else ()))
    study = study_of(simulate(SPEC), case.vendor, case.layout, options)
    placed: list[_PlacedImage] = []
    files: _Files = defaultdict(list)
    for n, series in enumerate(with_traps(study, SIMULATED_VENDORS[vendor_named(case.vendor)].plan)):
        for path in write_series(study, series, folder / str(n)):
            files[n, int(path.stem.partition("-")[0])].append(path)
        placed += _placed(study, series)
    return _WrittenStudy(placed, files)


def _placed(study: StudyPlan, series: SeriesPlan) -> Iterator[_PlacedImage]:
    """Where dicom_io/phantom/writer.py puts each image of a series."""
    series_uid = study.uid(series.key)
    for instance, frame, image in _places(study, series):
        uid = study.uid(series.key, series.objects, instance)
        yield _PlacedImage(series, image, instance, frame, uid, series_uid)


def _places(study: StudyPlan, series: SeriesPlan) -> Iterator[tuple[int, int | None, SlicePlan]]:
    if series.objects is InstanceLayout.CLASSIC:
        for number, image in zip(instance_order(study, series), series.images, strict=True):
            yield number, None, image
        return
    groups = [series.stacks] if series.objects is InstanceLayout.WHOLE else [(stack,) for stack in series.stacks]
    for number, stacks in enumerate(groups, start=1):
        images = [image for image in series.images if any(image.stack is stack for stack in stacks)]
        for frame, image in enumerate(images, start=1):
            yield number, frame, image


def _numbers(case: BenchmarkCase, placed: list[_PlacedImage]) -> dict[int, int]:
    """The number of each image, by its id; drawn by lot, so that it tells nothing."""
    numbers = list(range(1, len(placed) + 1))
    random.Random(case.name).shuffle(numbers)
    return {id(image): number for image, number in zip(placed, numbers, strict=True)}


def _lay_out(folder: Path, case: BenchmarkCase, written: _WrittenStudy) -> None:
    """Write the files, with the images' numbers, into one folder in an order drawn by lot; images.json; truth.json."""
    numbers = _numbers(case, written.placed)
    (folder / "dicom").mkdir(parents=True, exist_ok=True)
    order = [path for paths in written.files.values() for path in paths]
    random.Random(case.name).shuffle(order)
    names = {path: f"dicom/IM{n:05d}.dcm" for n, path in enumerate(order, start=1)}
    series = list(dict.fromkeys(image.series for image in written.placed))
    listed = []
    for (n, instance), paths in written.files.items():
        held = [image for image in written.placed if image.series is series[n] and image.instance == instance]
        data = _stamped(paths[0].read_bytes(), held, numbers)
        for path in paths:
            (folder / names[path]).write_bytes(data)
            listed += [_described(image, numbers[id(image)], names[path]) for image in held]
    listed.sort(key=lambda each: (each["image"], each["file"]))
    (folder / "images.json").write_text(json.dumps(listed, indent=0) + "\n", "utf-8")
    (folder / "truth.json").write_text(json.dumps(_truth(case, written.placed, numbers)) + "\n", "utf-8")


def _described(image: _PlacedImage, number: int, file: str) -> dict[str, Any]:
    return {
        "image": number,
        "file": file,
        "sop_instance_uid": image.uid,
        "frame": image.frame,
        "series_instance_uid": image.series_uid,
    }


def _stamped(data: bytes, held: list[_PlacedImage], numbers: dict[int, int]) -> bytes:
    """A file with the numbers of its images in its native pixels, which are its last element."""
    columns, rows, depth = held[0].image.stack.volume.voxels.shape
    tiled = held[0].series.objects is InstanceLayout.TILED
    across = int(np.ceil(np.sqrt(depth))) if tiled else 1
    down = -(-depth // across) if tiled else len(held)
    length = 2 * columns * rows * across * down
    pixels = np.frombuffer(data[-length:], "<i2").reshape(down, rows, across, columns).copy()
    for n, image in enumerate(held):
        pixels[n // across, 0, n % across, :LENGTH] = stamp(numbers[id(image)])
    return data[:-length] + pixels.tobytes()


def _truth(case: BenchmarkCase, placed: list[_PlacedImage], numbers: dict[int, int]) -> dict[str, Any]:
    """truth.json of a case."""
    first: dict[tuple[str, int, int], _PlacedImage] = {}
    copies: dict[int, int] = {}
    by_role: dict[str, list[_PlacedImage]] = defaultdict(list)
    for image in placed:
        if case.trap is Trap.ENHANCED_COPY and image.place in first and image.series.dynamic:
            copies[numbers[id(image)]] = numbers[id(first[image.place])]
            continue
        first.setdefault(image.place, image)
        by_role[_role_of(image.series.key)].append(image)
    return {
        "case": case.name,
        "vendor": str(case.vendor),
        "layout": str(case.layout),
        "trap": str(case.trap) if case.trap else None,
        "outputs": [
            {"role": role, "volumes": list(_volumes(images, numbers, case.vendor))} for role, images in by_role.items()
        ],
        "copies": copies,
        "unknowable": list(UNKNOWABLE.get((case.name.partition("+")[0], case.trap), ())) if case.trap else [],
    }


def _role_of(key: str) -> str:
    """The role that a series of the phantom plays."""
    if key.startswith(_OTHER):
        return OTHER_DYNAMIC
    return "DCE" if key.startswith("dce") else key.upper()


def _volumes(images: list[_PlacedImage], numbers: dict[int, int], vendor: Vendor) -> Iterator[dict[str, Any]]:
    """The volumes of a role in the order of time, slices along the normal; a gap between slices divides."""
    stacks = {id(image.image.stack): image.image.stack for image in images}
    for stack in sorted(stacks.values(), key=lambda each: each.time_s):
        members = sorted((i for i in images if i.image.stack is stack), key=lambda each: each.image.slice)
        for _, run in groupby(enumerate(members), key=lambda pair: pair[1].image.slice - pair[0]):
            volume: dict[str, Any] = {"images": [numbers[id(image)] for _, image in run]}
            if stack.b_value is not None:
                actual = [_ACTUAL[stack.b_value]] if vendor is Vendor.UIH else []
                volume["b_values"] = [stack.b_value, *actual]
            yield volume
