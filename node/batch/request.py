"""What a batch asks of every study, and the name that its answer has for that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mome_core.compute import use_threads
from mome_core.training.cohort import ManifestRow
from node.analysis import AnalysisContext, open_context, wanted_kinds
from node.batch.study import StudyAnalyst
from node.identity import this_device
from node.settings import load_settings

_CODE = ("mome_core", "dicom_io", "sr_templates")


@dataclass(frozen=True, slots=True)
class BatchStudy:
    """One study of a batch: where its files lie."""

    folder: Path

    @classmethod
    def of(cls, row: ManifestRow) -> BatchStudy:
        """The study of a row of a manifest."""
        return cls(row.folder.resolve())


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is asked of every study of a batch: `Work` for an engine.

    Parameters
    ----------
    bundles
        Folders of the bundles that answer together.
    kinds
        Result objects to write for each study; without one there is no saliency either.
    out
        Folder of the rows; its file `installation` is the device of the objects, the same on every host.
    threads
        Processor threads of each process.
    config
        Settings file; None for the defaults.
    """

    bundles: tuple[Path, ...]
    out: Path
    kinds: tuple[str, ...] = ()
    threads: int = 1
    config: Path | None = None

    def open(self) -> StudyAnalyst:
        """Load the bundles; raises as `open_context`."""
        use_threads(self.threads)
        context = self.context()
        return StudyAnalyst(context, self.out, self.identity(context), bool(self.kinds))

    def context(self) -> AnalysisContext:
        """The bundles, loaded, with the estimator and results of the settings."""
        settings = load_settings(self.config)
        trusted = settings.model.model_copy(update={"allow_unsigned": True})  # who names a bundle vouches for it
        settings = settings.model_copy(update={"model": trusted})
        context = open_context(settings, self.bundles, device=this_device(self.out))
        kinds = wanted_kinds(self.kinds) if self.kinds else frozenset()
        models = tuple(
            replace(each, policy=replace(each.policy, saliency=each.policy.saliency and bool(kinds)))
            for each in context.models
        )
        return replace(context, models=models, options=replace(context.options, kinds=kinds))

    def identity(self, context: AnalysisContext) -> str:
        """Of all that decides a row but the study: bundles, estimators, policies, settings, objects, code."""
        models = [
            [each.checkpoint.identity.sha256, each.checkpoint.estimator.name, str(each.policy)]
            for each in context.models
        ]
        objects = [str(context.device.uid), repr(context.options)] if context.options.kinds else []
        text = json.dumps([models, [repr(each) for each in context.rules], objects, self.fingerprint()])
        return hashlib.sha256(text.encode()).hexdigest()

    def fingerprint(self) -> str:
        """Version and code of this installation."""
        return f"{version('mome-node')} {_code_digest()}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "bundles": [str(each) for each in self.bundles],
            "objects": list(self.kinds),
            "threads": self.threads,
            "config": None if self.config is None else str(self.config),
        }


@cache
def _code_digest() -> str:
    """SHA-256 over the source of everything that a row depends on."""
    hasher = hashlib.sha256()
    for package in _CODE:
        for module in _modules(files(package)):
            hasher.update(module.name.encode() + module.read_bytes())
    return hasher.hexdigest()


def _modules(folder: Traversable) -> list[Traversable]:
    """The modules of a package and of those inside it, in order of their names."""
    found: list[Traversable] = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            found += _modules(each)
        elif each.name.endswith(".py"):
            found.append(each)
    return found
