"""What a batch asks of every study, and the name that its answer has for that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from mome_core.compute import device_of, use_threads
from mome_core.inference import ActiveModel
from mome_core.training.dataset import code_digest
from node.analysis import AnalysisContext, open_context, wanted_kinds
from node.batch.study import StudyAnalyst
from node.identity import this_device
from node.settings import load_settings

_CODE = ("mome_core", "dicom_io", "sr_templates", "node")
_LIBRARIES = ("torch", "numpy", "scipy", "SimpleITK", "pydicom", "highdicom", "nibabel")


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
        """Of all that decides a row but the study: bundles, estimators, arithmetic, settings, objects, code."""
        models = [_told(each) for each in context.models]
        rules = [repr(each) for each in context.rules]
        text = json.dumps([models, rules, self.threads, _told_objects(context), self.fingerprint()])
        return hashlib.sha256(text.encode()).hexdigest()

    def fingerprint(self) -> str:
        """Versions and code of this installation."""
        libraries = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
        code = " ".join(map(code_digest, _CODE))
        return f"{version('mome-node')} {code} {libraries}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "bundles": [str(each) for each in self.bundles],
            "objects": list(self.kinds),
            "threads": self.threads,
            "config": None if self.config is None else str(self.config),
        }


def _told(model: ActiveModel) -> list[str]:
    """A bundle with its calibration, and how it is computed."""
    checkpoint = model.checkpoint
    device = device_of(checkpoint.network).type
    return [str(checkpoint.manifest["manifest_sha256"]), checkpoint.estimator.name, str(model.policy), device]


def _told_objects(context: AnalysisContext) -> list[str]:
    """Which objects are written, how, and of which device; nothing where there are none."""
    kinds = sorted(context.options.kinds)
    return [str(context.device.uid), *kinds, repr(replace(context.options, kinds=frozenset()))] if kinds else []
