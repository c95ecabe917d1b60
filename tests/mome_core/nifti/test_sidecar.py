"""mome.json and the sidecars of dcm2niix and BIDS: what is read of them, and what is refused in words of ours only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mome_core.errors import StudyIneligible
from mome_core.nifti.sidecar import StudySidecar, read_file_sidecar, read_study_sidecar
from nifti_files import beside, mome_json
from places import DOCS


def test_a_folder_without_sidecars_says_nothing(tmp_path: Path) -> None:
    assert read_study_sidecar(tmp_path) == StudySidecar()
    found = read_file_sidecar(tmp_path / "a.nii.gz", "a")
    assert (dict(found.facts), found.times_s, found.clock_s, found.b_values) == ({}, (), None, ())


def test_mome_json_names_files_times_and_b_values(tmp_path: Path) -> None:
    mome_json(
        tmp_path,
        DCE={"files": ["a.nii", "b.nii"], "times_s": [0, 110.5], "pre_contrast": True},
        DWI={"files": ["d.nii"], "b_values": [0, 800]},
        acquisition={"vendor": "SIEMENS", "field_strength_t": 3},
    )
    found = read_study_sidecar(tmp_path)
    assert (found.part("DCE").files, found.part("DCE").times_s) == (("a.nii", "b.nii"), (0.0, 110.5))
    assert found.part("DCE").pre_contrast is True and found.part("DWI").b_values == (0.0, 800.0)
    assert dict(found.acquisition) == {"vendor": "SIEMENS", "field_strength_t": 3.0}
    assert found.part("T2").files == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"DCE": {"time_s": [0, 1]}}, "DCE has 1 key that mean nothing"),
        ({"PatientName": "Doe^Jane", "Doe": 1}, "it has 2 keys that mean nothing"),
        ({"DCE": {"times_s": [0, "Doe"]}}, "DCE.times_s"),
        ({"DCE": {"times_s": [0, float("nan")]}}, "DCE.times_s"),
        ({"DCE": {"pre_contrast": "Doe"}}, "neither true nor false"),
        ({"T2": {"files": "Doe.nii"}}, "no list of names"),
        ({"T2": {"b_values": [1]}}, "key that mean nothing"),
        ({"DWI": ["Doe.nii"]}, "no JSON object"),
        ({"acquisition": {"field_strength_t": "Doe"}}, "no number"),
        ({"acquisition": {"patient": "Doe"}}, "mean nothing"),
        ({"acquisition": {"vendor": 3}}, "no text"),
    ],
)
def test_what_mome_json_cannot_say_is_refused_without_repeating_it(
    tmp_path: Path, content: dict[str, Any], words: str
) -> None:
    with pytest.raises(StudyIneligible, match=words) as refusal:
        read_study_sidecar(mome_json(tmp_path, **content))
    assert "Doe" not in str(refusal.value)


@pytest.mark.parametrize("text", ["{", "[]", '"Doe"'])
def test_a_torn_sidecar_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mome.json").write_text(text)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StudyIneligible, match=r"^mome\.json: it is no JSON"):
        read_study_sidecar(tmp_path)
    with pytest.raises(StudyIneligible, match=r"^the JSON beside Pre\.nii: it is no JSON"):
        read_file_sidecar(tmp_path / "a.nii", "Pre.nii")


def test_of_a_bids_sidecar_the_scanner_is_read_and_the_patient_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    beside(
        path,
        PatientName="Doe^Jane",
        Manufacturer="Siemens",
        MagneticFieldStrength=2.89,
        RepetitionTime=0.0045,
        EchoTime=0.0017,
        AcquisitionTime="10:30:15.5",
        ImageType=["DERIVED", "SUBTRACT"],
        VolumeTiming=[0, 100],
    )
    found = read_file_sidecar(path, "a")
    assert dict(found.facts) == {
        "vendor": "Siemens",
        "field_strength_t": 2.89,
        "repetition_ms": 4.5,
        "echo_ms": 1.7,
    }
    assert (found.times_s, found.clock_s, found.is_subtraction) == ((0.0, 100.0), 37815.5, True)
    assert "Doe" not in repr(found)


def test_a_bval_has_one_number_for_each_volume(tmp_path: Path) -> None:
    (tmp_path / "a.bval").write_text("0 800 800\n")
    assert read_file_sidecar(tmp_path / "a.nii.gz", "a").b_values == (0.0, 800.0, 800.0)
    for torn in ("", "x", "-5"):
        (tmp_path / "a.bval").write_text(torn)
        with pytest.raises(StudyIneligible, match="no row of b-values"):
            read_file_sidecar(tmp_path / "a.nii.gz", "a")


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    example = re.search(r"^    \{\n(?:    .*\n)+?    \}\n", (DOCS / "nifti.md").read_text("utf-8"), re.MULTILINE)
    assert example is not None
    (tmp_path / "mome.json").write_text(example.group())
    found = read_study_sidecar(tmp_path)
    assert set(found.parts) == {"DCE", "T2", "DWI", "ADC"} and len(found.part("DCE").files) == 3


def test_json_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mome.json").write_text("[" * 100_000)
    with pytest.raises(StudyIneligible, match="it is no JSON"):
        read_study_sidecar(tmp_path)


def test_an_integer_that_no_float_holds_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "mome.json").write_text('{"DCE": {"times_s": [0, 1' + "0" * 400 + "]}}")
    with pytest.raises(StudyIneligible, match=r"DCE\.times_s"):
        read_study_sidecar(tmp_path)


@pytest.mark.parametrize("clock", ["nan:0:0", "-1:30:00", "inf:0:0", "99:00:00"])
def test_a_clock_that_no_day_has_is_unknown(tmp_path: Path, clock: str) -> None:
    beside(tmp_path / "a.nii.gz", AcquisitionTime=clock)
    assert read_file_sidecar(tmp_path / "a.nii.gz", "a").clock_s is None
