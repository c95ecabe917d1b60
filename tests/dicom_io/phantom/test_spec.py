"""The choices of a synthetic study: what cannot be is refused before anything is simulated."""

from __future__ import annotations

import pytest

from dicom_io.phantom.spec import PhantomSpec


def test_phases_are_counted_in_seconds_from_the_first_one_after_contrast() -> None:
    spec = PhantomSpec(post_phases=3, phase_seconds=60.0, first_gap_seconds=90.0)
    assert spec.times_s == (-90.0, 0.0, 60.0, 120.0)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"post_phases": 0}, "post-contrast phase"),
        ({"phase_seconds": 0.0}, "time runs forward"),
        ({"first_gap_seconds": -5.0}, "time runs forward"),
        ({"b_values": ()}, "b_values"),
        ({"b_values": (800.0, 50.0)}, "b_values"),
        ({"b_values": (-1.0, 800.0)}, "b_values"),
        ({"field_strength_t": 11.7}, "field strength"),
        ({"spacing_scale": (1.0, 0.0, 1.0)}, "spacing_scale"),
        ({"motion_mm": -1.0}, "motion"),
    ],
)
def test_a_study_that_cannot_be_is_refused_with_the_reason(choices: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PhantomSpec(**choices)  # type: ignore[arg-type]
