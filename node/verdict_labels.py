"""Labels of a cohort from readers' verdicts: candidates beside pathology, never in its place, and always named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mome_core.training.cohort import LABEL_SOURCE, read_manifest
from mome_core.training.table import read_table, write_table
from node.cohorts import key_of, new_row
from node.verdicts import ReaderLabels


@dataclass(frozen=True, slots=True)
class _VerdictLabels:
    """What verdicts brought to a manifest.

    Parameters
    ----------
    given
        Labels that were written, each with its source.
    added
        Cases that the manifest did not list before.
    known
        Cases that had the same label already; its source stays what it was.
    contrary
        Cases (as the manifest names them) that have another label; it stays.
    contradicted
        Study Instance UIDs of which readers contradict each other; they give no label.
    """

    given: int
    added: int
    known: int
    contrary: tuple[str, ...]
    contradicted: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"labels from readers' verdicts: {self.given}; known before: {self.known}; cases added: {self.added}"]
        if self.contrary:
            parts.append(f"readers say otherwise than the label, which stays: {', '.join(self.contrary)}")
        if self.contradicted:
            parts.append(f"readers contradict each other, no label: {', '.join(self.contradicted)}")
        return "; ".join(parts)


def add_verdicts(manifest: Path, found: ReaderLabels, folders: Mapping[str, Path]) -> _VerdictLabels:
    """Write the labels that verdicts give into a manifest, with the verdict as the label's source.

    A case that the manifest does not list is added. What is known already, be it from the molecular subtype, stays.
    Raises NodeError where the key of the pseudonyms is lost, and TrainingRefused for a manifest with a mistake.

    Parameters
    ----------
    folders
        Of each judged study, by Study Instance UID.
    """
    labels = {each.name: each.labels for each in read_manifest(manifest)}
    _, rows = read_table(manifest)
    key = key_of(manifest, create=False)
    by_folder = {(manifest.parent / row["case"]).resolve(): row for row in rows}
    given = added = known = 0
    contrary = []
    for each in found.labels:
        folder = folders[each.study_instance_uid]
        row = by_folder.get(folder.resolve())
        if row is None:
            row = by_folder[folder.resolve()] = new_row(folder, str(folder), key)
            rows.append(row)
            added += 1
        before = labels.get(row["case"], {}).get(each.endpoint)
        if before is None:
            row[each.endpoint] = str(each.label)
            row[LABEL_SOURCE] = " ".join(filter(None, (row.get(LABEL_SOURCE, ""), f"{each.endpoint}={each.source}")))
            given += 1
        elif before == each.label:
            known += 1
        else:
            contrary.append(row["case"])
    write_table(manifest, rows)
    return _VerdictLabels(given, added, known, tuple(contrary), tuple(uid for uid, _ in found.contradicted))
