"""How long this host's device works on a study: measured once for each bundle and device, and remembered.

It tells an operator what queue to expect. Whatever it says, scores are computed by the estimator that was validated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mome_core.device_time import DeviceTime, device_time
from node.loaded_models import device_named, load_models
from node.models import bundles_in_use, manifest_of, open_decisions
from node.settings import Settings
from node.storage.archive import Archive, write_durably

_FILE = "device-times.json"  # under the storage root of this host
_HOUR_S = 3600
_LONG_S = 100  # told in minutes from here on


@dataclass(frozen=True, slots=True)
class StudyTime:
    """Device seconds of a study, from the bundles that answer it together.

    Parameters
    ----------
    models
        Names and versions of the bundles.
    """

    models: tuple[str, ...]
    device: str
    seconds: float

    def __str__(self) -> str:
        names = " with ".join(self.models)
        some = f"{self.seconds:.2g} s" if self.seconds < _LONG_S else f"{self.seconds / 60:.0f} min"
        return f"{names}: about {some} per study on {self.device}, {self._queue()}"

    def _queue(self) -> str:
        """From how many studies on they wait for each other."""
        in_an_hour = _HOUR_S / self.seconds
        if in_an_hour < 1:
            return "a queue builds up from one study an hour on"
        return f"a queue builds up at more than {in_an_hour:.0f} an hour for each worker"


def measured_times(settings: Settings) -> tuple[StudyTime, ...]:
    """For the bundles of every AE title; what is not remembered yet is measured now, which takes the device seconds."""
    return tuple(_study_times(settings, measure=True))


def remembered_times(settings: Settings) -> tuple[StudyTime, ...]:
    """The same, without those that nobody measured."""
    return tuple(_study_times(settings, measure=False))


def _study_times(settings: Settings, *, measure: bool) -> Iterator[StudyTime]:
    archive, decisions = Archive(settings.storage.root), open_decisions(settings)
    device, known, seen = device_named(settings), _read(archive.root), set[tuple[str, ...]]()
    for title in ("", *(each.ae_title for each in settings.ae_titles)):
        bundles = bundles_in_use(settings, decisions, title)
        manifests, estimator = [manifest_of(each) for each in bundles], settings.estimator_of(title)
        keys = tuple(f"{each.digest} {estimator or each.estimators[0].estimator.name} {device}" for each in manifests)
        if keys in seen:
            continue
        seen.add(keys)
        if measure and not known.keys() >= set(keys):
            models = load_models(settings, bundles, title)
            known |= {k: device_time(m.checkpoint, m.policy) for k, m in zip(keys, models, strict=True)}
            _write(archive, known)
        if known.keys() >= set(keys):
            names = tuple(f"{each.name} {each.version}" for each in manifests)
            yield StudyTime(names, device, sum(known[key].seconds for key in keys))


def _read(root: Path) -> dict[str, DeviceTime]:
    """What was measured; a file that cannot be read is measured anew."""
    try:
        content = json.loads((root / _FILE).read_text("utf-8"))
        return {key: DeviceTime(**each) for key, each in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(archive: Archive, known: Mapping[str, DeviceTime]) -> None:
    content = json.dumps({key: asdict(each) for key, each in known.items()}, indent=1)
    write_durably(archive.temporary_path(), archive.root / _FILE, content.encode())
