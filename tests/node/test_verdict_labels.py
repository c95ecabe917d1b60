"""Verdicts add labels to a cohort, and never take the place of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_node import instance
from mome_core.results import Endpoint
from mome_core.training.cohort import problems_of, read_manifest
from node.cohorts import add_to_cohort, begin_cohort
from node.errors import NodeError
from node.verdict_labels import add_verdicts
from node.verdicts import ReaderLabel, ReaderLabels

SOURCE = "verdict:disagree-with-positive"


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Three studies of three patients; the first two are in the cohort."""
    found = {}
    for name in ("1", "2", "3"):
        folder = tmp_path / ("archive" if name == "3" else "studies") / name
        folder.mkdir(parents=True)
        instance(f"1.2.{name}", PatientID=name).save_as(folder / "a.dcm", enforce_file_format=True)
        found[f"1.2.{name}"] = folder
    begin_cohort(tmp_path / "studies", tmp_path / "cohort.csv")
    return found


def labels(*found: tuple[str, int]) -> ReaderLabels:
    given = (ReaderLabel(uid, Endpoint.MALIGNANCY, label, SOURCE, ()) for uid, label in found)
    return ReaderLabels(tuple(given), (("1.2.9", Endpoint.MALIGNANCY),))


def test_a_label_from_a_verdict_names_its_source_and_a_judged_study_is_added(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    manifest = tmp_path / "cohort.csv"
    found = add_verdicts(manifest, labels(("1.2.1", 0), ("1.2.3", 1)), folders)
    assert (found.given, found.added, found.known, found.contradicted) == (2, 1, 0, ("1.2.9",))
    rows = read_manifest(manifest)
    assert [dict(row.labels) for row in rows] == [{Endpoint.MALIGNANCY: 0}, {}, {Endpoint.MALIGNANCY: 1}]
    assert [row.facts["label_source"] for row in rows] == [f"malignancy={SOURCE}", "", f"malignancy={SOURCE}"]
    assert any("2 cases are from readers who had seen the score" in each.what for each in problems_of(rows))


def test_a_label_that_is_there_stays(folders: dict[str, Path], tmp_path: Path) -> None:
    manifest = tmp_path / "cohort.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], *(line.replace(",,", ",1,", 1) for line in lines[1:])]) + "\n")
    found = add_verdicts(manifest, labels(("1.2.1", 0), ("1.2.2", 1)), folders)
    assert (found.given, found.known, found.contrary) == (0, 1, ("studies/1",))
    assert [row.labels[Endpoint.MALIGNANCY] for row in read_manifest(manifest)] == [1, 1]
    assert "the label, which stays: studies/1" in str(found)


def test_a_molecular_subtype_is_a_label_that_is_there(folders: dict[str, Path], tmp_path: Path) -> None:
    """Else the manifest would contradict itself, and nobody could read it."""
    manifest, pathology = tmp_path / "cohort.csv", tmp_path / "pathology.csv"
    pathology.write_text("patient_id,molecular_subtype\n1,3\n")
    add_to_cohort(manifest, pathology, {})
    said = ReaderLabels((ReaderLabel("1.2.1", Endpoint.TRIPLE_NEGATIVE, 0, SOURCE, ()),), ())
    found = add_verdicts(manifest, said, folders)
    assert (found.given, found.contrary) == (0, ("studies/1",))
    assert read_manifest(manifest)[0].labels == {Endpoint.TRIPLE_NEGATIVE: 1}


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        ("patient_id,malignancy\n1,1\n", {Endpoint.MALIGNANCY: 1}),
        ("patient_id,molecular_subtype\n1,3\n", {Endpoint.MALIGNANCY: 0, Endpoint.TRIPLE_NEGATIVE: 1}),
    ],
)
def test_pathology_takes_the_place_of_a_verdict_and_of_its_source(
    folders: dict[str, Path], tmp_path: Path, table: str, labels: dict[Endpoint, int]
) -> None:
    manifest, pathology = tmp_path / "cohort.csv", tmp_path / "pathology.csv"
    said = [ReaderLabel("1.2.1", each, 0, SOURCE, ()) for each in (Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE)]
    assert add_verdicts(manifest, ReaderLabels(tuple(said), ()), folders).given == 2
    pathology.write_text(table)
    add_to_cohort(manifest, pathology, {})
    row = read_manifest(manifest)[0]
    assert row.labels.items() >= labels.items()
    brought = Endpoint.MALIGNANCY if "malignancy" in table else Endpoint.TRIPLE_NEGATIVE
    assert row.judged == {Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE} - {brought}


def test_without_the_key_nothing_is_added(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "cohort.key").unlink()
    with pytest.raises(NodeError, match="missing"):
        add_verdicts(tmp_path / "cohort.csv", labels(("1.2.3", 1)), folders)
