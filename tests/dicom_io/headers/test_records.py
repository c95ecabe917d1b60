"""What a series says as a whole, and a study as a sequence of series."""

from __future__ import annotations

from dicom_io.headers.records import Acquisition, Omission, StudyHeaders, most_common
from planes import instance, plane, series


def test_a_series_speaks_with_the_voice_of_most_of_its_images() -> None:
    planes = [plane(0.0, echo_ms=2.0), plane(1.0, echo_ms=2.0), plane(2.0, echo_ms=4.0, image_type=("DERIVED",))]
    header = series(planes)
    assert header.acquisition.echo_ms == 2.0
    assert header.image_type == ("ORIGINAL", "PRIMARY", "M")


def test_of_equally_frequent_values_the_one_that_reads_first_is_taken_in_any_order() -> None:
    assert most_common(["b", "a", "b", "a"]) == most_common(["a", "b", "a", "b"]) == "a"
    assert most_common([]) is None


def test_only_words_that_all_images_share_are_those_of_the_series() -> None:
    planes = [plane(0.0, words=frozenset({"ORIGINAL", "MIP"})), plane(1.0, words=frozenset({"ORIGINAL"}))]
    assert series(planes).words == {"ORIGINAL"}


def test_a_series_without_images_says_nothing() -> None:
    empty = series([])
    assert (empty.words, empty.image_type, empty.acquisition, empty.is_enhanced) == (
        frozenset(),
        (),
        Acquisition(),
        False,
    )


def test_a_series_of_frames_is_enhanced() -> None:
    assert series([plane(frame=1)]).is_enhanced
    assert not series([plane()]).is_enhanced


def test_a_study_is_the_sequence_of_its_series_with_what_was_left_out() -> None:
    first, second = series([plane()]), series([plane()])
    study = StudyHeaders((first, second), (Omission("a.txt", "is not a DICOM file"),))
    assert (len(study), study[0], study[1:]) == (2, first, (second,))


def test_a_frame_takes_whole_bytes_per_sample() -> None:
    assert instance(rows=10, columns=20, bits_allocated=16).frame_bytes == 400
    assert instance(rows=10, columns=20, bits_allocated=1).frame_bytes == 200
    assert instance(rows=10, columns=20, bits_allocated=8, samples=3).frame_bytes == 600
