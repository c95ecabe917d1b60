"""Studies of a cohort as cases: what cannot be read is named in words, and equal content has an equal digest."""

from __future__ import annotations

from pathlib import Path

import pytest

import phantom
from mome_core.case import Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.model.baselines import Fusion, ResNetArchitecture
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.cohort import ManifestRow
from mome_core.training.dataset import ExcludedCase
from mome_core.training.errors import TrainingRefused
from node.cases import CohortProgress, answerable, content_digest, endpoint_named, prepare_cases, read_study
from training_examples import RECIPE, SMALL


class Heard(CohortProgress):
    def __init__(self) -> None:
        self.counts: list[tuple[int, int]] = []
        self.cases: list[ExcludedCase] = []

    def step(self, stage: str, done: int, planned: int) -> None:
        self.counts.append((done, planned))

    def excluded(self, case: ExcludedCase) -> None:
        self.cases.append(case)


def rows(folder: Path, count: int) -> list[ManifestRow]:
    return [
        ManifestRow(f"s{n}", folder / f"s{n}", f"p{n}", {Endpoint.MALIGNANCY: n % 2}, None, {}) for n in range(count)
    ]


def test_an_unknown_endpoint_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TrainingRefused, match="malignancy, triple_negative"):
        endpoint_named("cancer")
    assert endpoint_named("malignancy") is Endpoint.MALIGNANCY


@pytest.mark.parametrize(
    ("count", "words"), [(1, "the only case cannot be used"), (2, "none of the 2 cases can be used")]
)
def test_a_cohort_of_which_nothing_can_be_read_is_refused_after_each_case_was_named(
    tmp_path: Path, count: int, words: str
) -> None:
    heard = Heard()
    with pytest.raises(TrainingRefused, match=words):
        prepare_cases(rows(tmp_path, count), Recipe(), tmp_path / "cache", 1, heard)
    assert heard.counts == [(n + 1, count) for n in range(count)]
    assert heard.cases == [ExcludedCase(f"s{n}", "the folder holds no DICOM or NIfTI file") for n in range(count)]


def test_a_study_without_dce_is_a_case_of_what_it_has_and_excluded_where_the_network_needs_more(tmp_path: Path) -> None:
    phantom.study(tmp_path / "s0", only=("t2", "dwi"), seed=50)
    heard = Heard()
    cohort = prepare_cases(rows(tmp_path, 1), RECIPE, tmp_path / "cache", 1, heard)
    assert [each.modalities for each in cohort.examples] == [(Modality.DWI, Modality.T2)]
    assert cohort.examples[0].facts.acquired == (Modality.DWI, Modality.T2)
    fused = ResNetArchitecture(Fusion.FEATURE, recipe=RECIPE, stage_widths=(4,), stage_blocks=(1,))
    assert answerable(cohort, SMALL, heard).examples == cohort.examples
    usable = answerable(cohort, fused, heard)
    assert usable.examples == () and usable.exclusions == tuple(heard.cases)
    assert heard.cases[0].reason == "has only DWI + T2: the network cannot answer from that"


def test_a_file_that_cannot_be_read_is_said_in_words_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StudyIneligible) as refused:
        read_study(tmp_path)
    assert str(refused.value) == "a file cannot be read: Too many levels of symbolic links"
    assert refused.value.code is Ineligibility.UNREADABLE


def test_the_digest_is_of_the_content_not_of_the_names(tmp_path: Path) -> None:
    for folder, names in (("a", ("1", "2")), ("b", ("y", "x"))):
        (tmp_path / folder).mkdir()
        for name, content in zip(names, (b"one", b"two"), strict=True):
            (tmp_path / folder / name).write_bytes(content)
    first = content_digest(tmp_path / "a")
    assert first == content_digest(tmp_path / "b")
    (tmp_path / "b" / "x").write_bytes(b"three")
    assert first != content_digest(tmp_path / "b")


def test_files_that_did_not_change_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1").write_bytes(b"one")
    first = content_digest(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path.name} was read again"))
    assert content_digest(tmp_path) == first
