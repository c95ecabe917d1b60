"""Whom a model was trained and chosen on, as digests in its bundle, and which cases it has therefore seen.

Nobody may be found by the manifest alone, and two bundles may not be linked by it. Patient identifiers are short, so a
plain digest of one is found by trying them all: each is hashed by scrypt (RFC 7914) with a salt of the bundle's own. A
site's pseudonyms (`cohort init`) hold 64 secret bits, which no list contains. Images need no slow digest: who can
compute theirs has them. docs/training.md says what who can find out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from mome_core.training.dataset import Example

_SCHEME = "scrypt n=16384 r=8 p=1, blake2b"
_SALT_BYTES, _DIGEST_BYTES = 16, 16


class Exposure(StrEnum):
    """What a case was to a model: unknown to it, what its epoch and calibration were chosen on, or its teacher."""

    NEW = "new"
    VALIDATION = "validation"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class _Side:
    """Digests of one side of a training, sorted so that their order tells nothing."""

    patients: tuple[str, ...]
    images: tuple[str, ...]

    def holds(self, patients: Iterable[str], images: Iterable[str]) -> bool:
        """Whether any of these was on this side."""
        return not set(self.patients).isdisjoint(patients) or not set(self.images).isdisjoint(images)


@dataclass(frozen=True, slots=True)
class _SaltedDigests:
    """Both sides of one training, under one salt."""

    salt: str
    training: _Side
    validation: _Side


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """All that a bundle and the bundles it started from were trained and chosen on.

    Parameters
    ----------
    trainings
        The bundle's own training and each one before it.
    complete
        Whether that is all: False where a bundle, or one that it started from, does not say.
    """

    trainings: tuple[_SaltedDigests, ...] = ()
    complete: bool = True

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """What a manifest says; incomplete where it says nothing, or in a way that this version cannot read."""
        found = manifest["provenance"].get("exposure")
        if found is None or found["scheme"] != _SCHEME:
            return cls((), complete=False)
        return cls(
            tuple(
                _SaltedDigests(each["salt"], _side_of(each["training"]), _side_of(each["validation"]))
                for each in found["trainings"]
            ),
            bool(found["complete"]),
        )

    def extended(self, training: Sequence[Example], validation: Sequence[Example]) -> Self:
        """With one more training, under a new salt."""
        salt = secrets.token_bytes(_SALT_BYTES)
        added = _SaltedDigests(salt.hex(), _digested(training, salt), _digested(validation, salt))
        return replace(self, trainings=(added, *self.trainings))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the provenance of a bundle."""
        return {
            "scheme": _SCHEME,
            "complete": self.complete,
            "trainings": [
                {"salt": each.salt, "training": _side_json(each.training), "validation": _side_json(each.validation)}
                for each in self.trainings
            ],
        }

    def exposures(self, examples: Sequence[Example]) -> tuple[Exposure, ...]:
        """What each of these cases was to the model, by its patient and by its images."""
        found = [Exposure.NEW] * len(examples)
        for each in self.trainings:
            salt = bytes.fromhex(each.salt)
            patients = _patient_digests(examples, salt)
            for n, example in enumerate(examples):
                of_case = patients[n], [_image_digest(image, salt) for image in example.images]
                if each.training.holds(*of_case):
                    found[n] = Exposure.TRAINING
                elif each.validation.holds(*of_case) and found[n] is Exposure.NEW:
                    found[n] = Exposure.VALIDATION
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ExposureReport:
    """How many of some cases, and of their patients, a model has seen.

    Parameters
    ----------
    cases
        Name and exposure of each.
    training, validation
        Patients that taught the model; that chose its epoch or its calibration, and taught nothing.
    complete
        False where the bundle does not say all that it was trained on: then "new" means "not known to be seen".
    recorded
        Whether the bundle says anything at all.
    """

    cases: Mapping[str, Exposure]
    training: int
    validation: int
    patients: int
    complete: bool
    recorded: bool

    @property
    def seen(self) -> int:
        """Cases that are no test."""
        return sum(exposure is not Exposure.NEW for exposure in self.cases.values())

    def headline(self, model: str) -> str:
        """What stands before every figure of these cases."""
        if self.seen:
            return (
                f"NOT A TEST of {model}: {self.seen} of {len(self.cases)} cases are not new to it. {self.training} of "
                f"{self.patients} patients taught it, {self.validation} chose its epoch or its operating point: its "
                "figures flatter it"
            )
        if not self.recorded and not self.complete:
            return f"NOT KNOWN TO BE A TEST of {model}: this bundle does not say what it was trained on"
        if not self.complete:
            return f"NOT KNOWN TO BE A TEST of {model}: it does not say what the model it started from was trained on"
        return f"None of the {len(self.cases)} cases taught {model}, and it was chosen on none of them"

    @property
    def is_test(self) -> bool:
        """Whether every case is known to be new to the model."""
        return self.complete and not self.seen

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts and decisions; cases that are new are not listed."""
        return {
            "is_test": self.is_test,
            "recorded": self.recorded,
            "complete": self.complete,
            "cases": len(self.cases),
            "patients": self.patients,
            "seen_cases": {name: each.value for name, each in self.cases.items() if each is not Exposure.NEW},
            "patients_trained_on": self.training,
            "patients_chosen_on": self.validation,
        }


def exposure_report(manifest: Mapping[str, Any], examples: Sequence[Example]) -> ExposureReport:
    """What a bundle has seen of these cases."""
    record = ExposureRecord.of(manifest)
    exposures = record.exposures(examples)
    trained = {e.patient for e, x in zip(examples, exposures, strict=True) if x is Exposure.TRAINING}
    chosen = {e.patient for e, x in zip(examples, exposures, strict=True) if x is Exposure.VALIDATION}
    return ExposureReport(
        {example.name: exposure for example, exposure in zip(examples, exposures, strict=True)},
        len(trained),
        len(chosen - trained),
        len({example.patient for example in examples}),
        record.complete,
        bool(record.trainings),
    )


def _digested(examples: Sequence[Example], salt: bytes) -> _Side:
    """Digests of one side."""
    patients = {digest for of_case in _patient_digests(examples, salt) for digest in of_case}
    images = {_image_digest(image, salt) for example in examples for image in example.images}
    return _Side(tuple(sorted(patients)), tuple(sorted(images)))


def _patient_digests(examples: Sequence[Example], salt: bytes) -> list[list[str]]:
    """Digests of what each case calls its patient: the cohort's pseudonym and, if they say so, the images' headers."""
    names = [[f"pseudonym {e.patient}", *([f"identity {e.identity}"] if e.identity else [])] for e in examples]
    distinct = sorted({name for of_case in names for name in of_case})
    with ThreadPoolExecutor() as pool:  # scrypt leaves the interpreter to others
        digests = dict(zip(distinct, pool.map(lambda name: _slow_digest(name, salt), distinct), strict=True))
    return [[digests[name] for name in of_case] for of_case in names]


def _slow_digest(name: str, salt: bytes) -> str:
    """16 MiB and tens of milliseconds for each name that is tried."""
    return hashlib.scrypt(name.encode(), salt=salt, n=2**14, r=8, p=1, dklen=_DIGEST_BYTES).hex()


def _image_digest(content: str, salt: bytes) -> str:
    return hashlib.blake2b(content.encode(), key=salt, digest_size=_DIGEST_BYTES).hexdigest()


def _side_of(values: Mapping[str, Sequence[str]]) -> _Side:
    return _Side(tuple(values["patients"]), tuple(values["images"]))


def _side_json(side: _Side) -> dict[str, list[str]]:
    return {"patients": list(side.patients), "images": list(side.images)}
