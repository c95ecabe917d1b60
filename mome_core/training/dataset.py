"""Studies to learn from: prepared once, kept as safetensors, split by patient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from mome_core.case import Case, Modality
from mome_core.errors import MomeError, StudyIneligible
from mome_core.preprocessing.input_facts import InputFacts, facts_of
from mome_core.preprocessing.one_breast import one_breast
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.quality import training_range
from mome_core.preprocessing.recipe import RANGES, Recipe, TrainingRange
from mome_core.results import Endpoint, Laterality
from mome_core.training.errors import NotWritable, TrainingRefused
from mome_core.training.files import write_whole

Labels = Mapping[Endpoint, int]
_SEEN = "seen"  # name of the acquisition's numbers beside the arrays
_IMAGES = "images"  # and of the digests of the images
_FACTS = "facts"  # and what the quality flags are judged by
_WITHOUT_DCE = "without DCE"  # what the study would give if it had no DCE, whose breast mask crops the T2


@dataclass(frozen=True, slots=True)
class Source:
    """A study before preparation.

    Parameters
    ----------
    name
        The study's pseudonym, for messages.
    patient
        The patient's pseudonym: all studies of one patient stay on one side of every split.
    labels
        0 or 1 for each endpoint that is known.
    content
        Gives a digest of what `read` would give; equal content is prepared once.
    read
        Gives the Case.
    identity
        Gives what the images call their patient, equal in all of a hospital's studies; empty when they do not say.
    subtype
        Molecular subtype, 0 to 3, where it is known.
    side
        The breast that is the case; None where it is all that the study shows.
    """

    name: str
    patient: str
    labels: Labels
    content: Callable[[], str]
    read: Callable[[], Case]
    identity: Callable[[], str] = str
    subtype: int | None = None
    side: Laterality | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A study to learn from or to be measured on, prepared; `path` holds its arrays.

    Parameters
    ----------
    facts
        What quality flags are judged by: a doubt that withholds the score in the node does so here.
    images
        Digests of the study's voxels, one for each modality; those of both breasts are the same.
    identity, subtype
        As in Source; the identity is written nowhere.
    """

    name: str
    patient: str
    labels: Labels
    path: Path
    facts: InputFacts
    images: tuple[str, ...] = ()
    identity: str = field(default="", repr=False)
    subtype: int | None = None

    def __post_init__(self) -> None:
        if not self.modalities:
            raise ValueError(f"{self.name} has no modality to learn from")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those of which there are arrays, in the network's order."""
        return self.facts.used

    def arrays(self) -> dict[Modality, NDArray[np.float32]]:
        """Prepared arrays (channel, axis0, axis1, slice), not yet padded."""
        return read_arrays(self.path)

    def arrays_without_dce(self) -> dict[Modality, NDArray[np.float32]]:
        """The arrays as the node would prepare them if the study had no DCE; none where it could not."""
        return read_arrays(self.path, without_dce=True)


@dataclass(frozen=True, slots=True)
class ExcludedCase:
    """A study that could not be prepared, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """The studies that can be used, and those that cannot."""

    examples: tuple[Example, ...]
    exclusions: tuple[ExcludedCase, ...] = ()


def prepare_cohort(
    sources: Sequence[Source],
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Cohort:
    """Prepare every study that the folder does not hold yet; one that cannot be prepared is an exclusion, not an end.

    Parameters
    ----------
    workers
        Processes that prepare side by side; with more than one, a source's `read` must be picklable.
    """
    prepare_one = partial(_prepare_example, recipe=recipe, folder=folder)
    if workers == 1:
        return _collected(sources, map(prepare_one, sources), progress)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return _collected(sources, pool.map(prepare_one, sources), progress)


def _collected(
    sources: Sequence[Source], prepared: Iterable[Example | ExcludedCase], progress: Callable[[str], None]
) -> Cohort:
    """The examples and the exclusions, in the order of their sources."""
    examples: list[Example] = []
    exclusions: list[ExcludedCase] = []
    for source, one in zip(sources, prepared, strict=True):
        if isinstance(one, Example):
            examples.append(one)
        else:
            exclusions.append(one)
        progress(source.name)
    return Cohort(tuple(examples), tuple(exclusions))


def _prepare_example(source: Source, recipe: Recipe, folder: Path) -> Example | ExcludedCase:
    """One study's arrays from the folder, or prepared and kept there, or why they cannot be prepared."""
    try:
        content = source.content() if source.side is None else f"{source.content()} {source.side}"
        path = folder / f"{cache_key(content, recipe)}.safetensors"
        if not path.exists() or not {_IMAGES, _FACTS, _WITHOUT_DCE} <= _read_facts(path).keys():
            _prepare_and_keep(source.read(), source.side, recipe, path)
        kept = _read_facts(path)
        return Example(
            source.name,
            source.patient,
            source.labels,
            path,
            InputFacts.from_json(json.loads(kept[_FACTS])),
            tuple(json.loads(kept[_IMAGES])),
            source.identity(),
            source.subtype,
        )
    except NotWritable:  # the folder takes no more: no fault of this study
        raise
    except (MomeError, ValueError, OSError) as error:
        return ExcludedCase(source.name, str(error))


def _prepare_and_keep(study: Case, side: Laterality | None, recipe: Recipe, path: Path) -> None:
    """Prepare a study, or one breast of it, and keep its arrays with what is asked of it later."""
    case = study if side is None else one_breast(study, side, recipe.breast)
    without = _prepare_without_dce(case, recipe)
    prepared = prepare(case, recipe)
    facts = facts_of(case, prepared)
    keep_arrays(path, prepared.arrays, training_range([case]), image_digests(study), without_dce=without, facts=facts)


def _prepare_without_dce(case: Case, recipe: Recipe) -> Mapping[Modality, NDArray[np.float32]]:
    """The arrays of a case if it had no DCE; none where the node could not answer it."""
    rest = replace(case, dce=None)
    try:
        return prepare(rest, recipe).arrays
    except StudyIneligible:
        return {}


def cache_key(content: str, recipe: Recipe) -> str:
    """Name of the prepared arrays: the same content by the same recipe and the same code, and nothing else, has it.

    The limits of the recipe's quality flags change no array.
    """
    numbers = {name: value for name, value in recipe.to_json().items() if name != "quality"}
    text = json.dumps([content, numbers, code_digest("mome_core.preprocessing")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def code_digest(package: str) -> str:
    """SHA-256 over the source of a package's modules, and of those inside it, by their names.

    Another version of them has another digest.
    """
    hasher = hashlib.sha256()
    for module in _modules(files(package)):
        hasher.update(module.name.encode() + module.read_bytes())
    return hasher.hexdigest()


def _modules(folder: Traversable) -> Iterator[Traversable]:
    """The modules of a package and of the packages inside it, by name."""
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            yield from _modules(each)
        elif each.name.endswith(".py"):
            yield each


def image_digests(case: Case) -> tuple[str, ...]:
    """SHA-256 over the voxels of each modality: equal in a de-identified or re-sent copy, whatever its headers say."""
    volumes = (case.dce, case.dwi, case.t2)
    return tuple(
        hashlib.sha256(repr(v.voxels.shape).encode() + v.voxels.astype(np.float32).tobytes()).hexdigest()
        for v in volumes
        if v is not None
    )


def keep_arrays(
    path: Path,
    arrays: Mapping[Modality, NDArray[np.float32]],
    seen: TrainingRange,
    images: Sequence[str] = (),
    *,
    without_dce: Mapping[Modality, NDArray[np.float32]] | None = None,
    facts: InputFacts | None = None,
) -> None:
    """Write prepared arrays under this name, whole or not at all, with the acquisition and the images they come from.

    Kept as float16: standardised voxels are a few units large, so it rounds by less than 0.1 % of a deviation.

    Parameters
    ----------
    without_dce
        The arrays that the study would give if it had no DCE; None where they are those of the rest.
    facts
        What its quality flags are judged by; None where nothing is known but the modalities.
    """
    facts = facts or InputFacts.of_modalities(arrays)
    rest = {m: a for m, a in arrays.items() if m is not Modality.DCE} if without_dce is None else without_dce
    halves = {m.value: np.ascontiguousarray(a, np.float16) for m, a in arrays.items()}
    for m, a in rest.items():
        if m not in arrays or not np.array_equal(a, arrays[m]):
            halves[f"{m} {_WITHOUT_DCE}"] = np.ascontiguousarray(a, np.float16)
    beside = {
        _SEEN: json.dumps(asdict(seen)),
        _IMAGES: json.dumps(list(images)),
        _FACTS: json.dumps(facts.to_json()),
        _WITHOUT_DCE: json.dumps(list(rest)),
    }
    write_whole(path, safetensors.numpy.save(halves, metadata=beside))


def _read_facts(path: Path) -> dict[str, str]:
    """What is kept beside prepared arrays; TrainingRefused where the file is damaged."""
    try:
        with safetensors.safe_open(path, "numpy") as kept:
            return dict(kept.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise TrainingRefused(f"{path} cannot be read ({error}): delete it, and it is prepared again") from error


def seen_in(examples: Iterable[Example]) -> TrainingRange:
    """The range of acquisitions that holds all of these examples, for the recipe of what they train."""
    ranges: list[TrainingRange] = []
    for example in examples:
        ranges.append(TrainingRange.from_json(json.loads(_read_facts(example.path)[_SEEN])))
    spans = {name: [span for r in ranges if (span := getattr(r, name)) is not None] for name in RANGES}
    joined = {name: (min(low for low, _ in s), max(high for _, high in s)) for name, s in spans.items() if s}
    return TrainingRange(tuple(sorted({vendor for r in ranges for vendor in r.vendors})), **joined)


def read_arrays(path: Path, *, without_dce: bool = False) -> dict[Modality, NDArray[np.float32]]:
    """Prepared arrays as float32, in the network's order; TrainingRefused where the file is damaged.

    Parameters
    ----------
    without_dce
        Those that the study would give if it had no DCE.
    """
    try:
        kept = safetensors.numpy.load_file(path)
    except (SafetensorError, OSError) as error:
        raise TrainingRefused(f"{path} cannot be read ({error}): delete it, and it is prepared again") from error
    if not without_dce:
        return {modality: kept[modality.value].astype(np.float32) for modality in Modality if modality.value in kept}
    rest = {Modality(name) for name in json.loads(_read_facts(path)[_WITHOUT_DCE])}
    names = {m: f"{m} {_WITHOUT_DCE}" if f"{m} {_WITHOUT_DCE}" in kept else m.value for m in Modality if m in rest}
    return {modality: kept[name].astype(np.float32) for modality, name in names.items()}
