"""Cases prepared for training: folds by patient, a cache by content, exclusions with their reasons."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import PhantomSpec
from mome_core.case import Case, Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe, TrainingRange
from mome_core.results import Endpoint
from mome_core.training import dataset
from mome_core.training.dataset import (
    Source,
    cache_key,
    keep_arrays,
    prepare_cohort,
    read_arrays,
)
from mome_core.training.errors import TrainingRefused
from mome_core.volume import Volume

RECIPE = Recipe(dce_size=(16, 16, 16), dwi_size=(16, 16, 16), t2_size=(16, 16, 16))


BREASTS = Recipe(
    dce_size=(32, 32, 16),
    dwi_size=(32, 32, 16),
    t2_size=(64, 48, 16),
    t2_resize=(96, 96, 16),
    motion=None,
    antialias=True,
)


def t2_case() -> Case:
    voxels = (100.0 + np.indices((16, 16, 16)).sum(axis=0)).astype(np.float32)
    return Case(dwi=Volume(voxels, np.diag([8.0, 8.0, 8.0, 1.0]), "1.2.3"), dwi_b_value=800.0)


def refuse() -> Case:
    raise StudyIneligible("needs a pre- and a post-contrast phase, found 1", Ineligibility.POST_CONTRAST_MISSING)


def test_a_study_that_cannot_be_prepared_is_an_exclusion_with_its_reason(tmp_path: Path) -> None:
    sources = [
        Source("good", "p1", {Endpoint.MALIGNANCY: 1}, partial(str, "content 1"), t2_case),
        Source("bad", "p2", {Endpoint.MALIGNANCY: 0}, partial(str, "content 2"), refuse),
    ]
    seen: list[str] = []
    cohort = prepare_cohort(sources, RECIPE, tmp_path, progress=seen.append)
    assert [each.name for each in cohort.examples] == ["good"]
    assert [(each.name, each.reason) for each in cohort.exclusions] == [
        ("bad", "needs a pre- and a post-contrast phase, found 1")
    ]
    assert seen == ["good", "bad"]


def unreadable() -> str:
    raise PermissionError(13, "Permission denied")


def test_a_study_whose_files_cannot_be_read_is_an_exclusion_too(tmp_path: Path) -> None:
    cohort = prepare_cohort([Source("a", "p", {}, unreadable, t2_case)], RECIPE, tmp_path)
    assert "Permission denied" in cohort.exclusions[0].reason


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cache_that_cannot_be_written_ends_the_preparation_and_blames_no_study(tmp_path: Path, workers: int) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingRefused, match="cannot be written: Not a directory"):
        prepare_cohort(
            [Source("a", "p", {}, partial(str, "content"), t2_case)],
            RECIPE,
            tmp_path / "file" / "cache",
            workers=workers,
        )


def never() -> Case:
    raise AssertionError("the cache holds this case")


def test_equal_content_is_prepared_once_and_its_arrays_are_left_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_cohort([Source("a", "p", {}, partial(str, "content"), t2_case)], RECIPE, tmp_path)
    monkeypatch.setattr(dataset, "read_arrays", lambda path, **_: pytest.fail(f"{path.name} was loaded"))
    again = prepare_cohort([Source("b", "q", {}, partial(str, "content"), never)], RECIPE, tmp_path)
    assert again.examples[0].path == first.examples[0].path
    assert again.examples[0].modalities == (Modality.DWI,)
    assert cache_key("content", RECIPE) != cache_key("content", Recipe())


def test_a_damaged_file_of_the_cache_is_excluded_and_named(tmp_path: Path) -> None:
    path = tmp_path / f"{cache_key('content', RECIPE)}.safetensors"
    path.write_bytes(b"half a file")
    cohort = prepare_cohort([Source("a", "p", {}, partial(str, "content"), never)], RECIPE, tmp_path)
    assert "delete it" in cohort.exclusions[0].reason


def test_kept_arrays_come_back_to_half_precision(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    keep_arrays(tmp_path / "a.safetensors", {Modality.T2: array}, TrainingRange())
    assert np.allclose(read_arrays(tmp_path / "a.safetensors")[Modality.T2], array, rtol=1e-3)


def test_a_case_is_kept_as_it_would_be_prepared_without_its_dce_too(tmp_path: Path) -> None:
    case = simulate(PhantomSpec(seed=31)).case()
    source = Source("a", "a", {}, lambda: "content", lambda: case)
    (example,) = prepare_cohort([source], BREASTS, tmp_path).examples
    rest = prepare(replace(case, dce=None), BREASTS).arrays
    kept = example.arrays_without_dce()
    assert kept.keys() == rest.keys() == {Modality.DWI, Modality.T2}
    assert all(np.array_equal(kept[modality], array) for modality, array in rest.items())
    assert not np.array_equal(kept[Modality.T2], example.arrays()[Modality.T2]), "the T2 itself shows the breasts"


def test_arrays_without_another_version_serve_a_study_without_dce_as_they_are(tmp_path: Path) -> None:
    arrays = {modality: np.random.default_rng(1).normal(size=(1, 4, 4, 4)).astype(np.float32) for modality in Modality}
    keep_arrays(tmp_path / "a", arrays, TrainingRange())
    rest = read_arrays(tmp_path / "a", without_dce=True)
    assert list(rest) == [Modality.DWI, Modality.T2]
    assert np.array_equal(rest[Modality.T2], read_arrays(tmp_path / "a")[Modality.T2])
    keep_arrays(tmp_path / "b", arrays, TrainingRange(), without_dce={})
    assert read_arrays(tmp_path / "b", without_dce=True) == {}
