"""The cases that candidates are judged by: labelled studies that no candidate may learn from and nobody may change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint
from mome_core.training.cohort import ManifestRow, not_measured, read_manifest, rows_of_split, rows_to_measure, unit_of
from mome_core.training.errors import TrainingRefused
from node.cases import content_digest
from node.models import open_decisions
from node.settings import Settings
from node.storage.decisions import Act, Decision


@dataclass(frozen=True, slots=True)
class LockedSet:
    """Cases that no candidate may learn from.

    Parameters
    ----------
    cases
        How many.
    digest
        SHA-256 over labels, patients and the content of every image, hexadecimal.
    split
        Only these cases of the manifest; all when empty.
    """

    cases: int
    digest: str
    manifest: str
    split: str
    endpoint: Endpoint

    @classmethod
    def of(cls, decision: Decision) -> LockedSet:
        """What was locked, from the decision's evidence."""
        evidence = decision.evidence
        endpoint = Endpoint(evidence["endpoint"])
        return cls(evidence["cases"], decision.digest, evidence["manifest"], evidence["split"], endpoint)

    def rows(self) -> list[ManifestRow]:
        """The labelled rows, as the manifest says now."""
        return _labelled_rows(Path(self.manifest), self.split, self.endpoint)


def lock_cases(settings: Settings, manifest: Path, split: str, endpoint: Endpoint, *, by: str, now: float) -> LockedSet:
    """Judge candidates by these cases from now on (all of the manifest when split is empty).

    Cases whose label is from a reader's verdict are not among them.
    """
    place = manifest.absolute()
    rows = _labelled_rows(place, split, endpoint)
    if unit_of(rows) is UnitOfAnalysis.BREAST:
        raise TrainingRefused(f"{manifest} lists single breasts; the models of a node are judged by whole studies")
    locked = LockedSet(len(rows), digest_of(rows), str(place), split, endpoint)
    evidence = {
        "manifest": locked.manifest,
        "split": split,
        "endpoint": endpoint.value,
        "cases": locked.cases,
        "patients": sorted({_patient_digest(row.patient) for row in rows}),
    }
    open_decisions(settings).decide(Act.LOCKED, locked.digest, by, evidence, now)
    return locked


def _labelled_rows(manifest: Path, split: str, endpoint: Endpoint) -> list[ManifestRow]:
    measured = rows_to_measure(rows_of_split(read_manifest(manifest), split))
    rows = [row for row in measured if endpoint in row.labels]
    if len({row.labels[endpoint] for row in rows}) < 2:
        words = f"{len(rows)} cases with a label of {endpoint}: both classes are needed to judge a model"
        raise TrainingRefused("; ".join(filter(None, (words, not_measured(measured, endpoint)))))
    return rows


def _patient_digest(patient: str) -> str:
    """By which another locked set with the same patient is recognised; it stays in the ledger, beside the archive."""
    return hashlib.blake2b(patient.encode(), digest_size=8).hexdigest()


def digest_of(rows: Sequence[ManifestRow]) -> str:
    """SHA-256 over labels, patients and the content of every image, hexadecimal."""
    content = []
    for row in rows:
        labels = {endpoint.value: label for endpoint, label in row.labels.items()}
        content.append([row.name, row.patient, labels, dict(row.facts), content_digest(row.folder)])
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
