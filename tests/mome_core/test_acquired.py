"""Which phases and b-values are used, whatever file they come from."""

from __future__ import annotations

import pytest

from mome_core.acquired import are_alike, kept_phases, wanted_b_value


def test_of_up_to_twelve_phases_all_are_used() -> None:
    assert kept_phases(12) == tuple(range(12))


def test_of_more_the_first_and_six_evenly_spread_in_time_are_used() -> None:
    assert kept_phases(25) == (0, 1, 6, 10, 15, 19, 24)
    assert len(kept_phases(13, (0, *range(10, 130, 10)))) == 7


@pytest.mark.parametrize(
    ("b_values", "wanted", "warned"),
    [((0, 400, 800, 1000), 1000, False), ((0, 800, 1500), 800, False), ((50, 1500), 1500, True)],
)
def test_the_highest_usual_b_value_is_wanted(b_values: tuple[float, ...], wanted: float, warned: bool) -> None:
    found = wanted_b_value(b_values)
    assert found is not None and found.b_value == wanted and bool(found.warning) == warned


def test_perfusion_alone_is_no_diffusion() -> None:
    assert wanted_b_value((0, 50)) is None
    assert are_alike(990, 1000) and not are_alike(800, 1000)
