"""Charts as SVG for the page."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
from matplotlib.axes import Axes

from mome_core.training.report.charts import chart, draw_band, forest, look_of
from mome_core.training.resampling import Band
from mome_core.training.statistics import Interval

SVG = "{http://www.w3.org/2000/svg}"


def drawn(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=look_of(0).color, label="a $ & b")
    axes.set(xlabel="x", ylabel="y")
    axes.legend()


def test_text_stays_text_and_nothing_has_a_name_that_another_chart_has() -> None:
    svg = chart(drawn, 'a "label" & more')
    named = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="x" ', 1)
    root = ElementTree.fromstring(named)  # noqa: S314 - our own
    assert {"x", "y", "a $ & b"} <= {each.text for each in root.iter(f"{SVG}text")}
    assert root.get("aria-label") == 'a "label" & more' and root.get("viewBox") and not root.get("width")
    assert not [each.get("id") for each in root.iter(f"{SVG}g") if (each.get("id") or "").startswith("axes")]


def test_models_differ_without_colour_and_after_six_begin_again() -> None:
    looks = [look_of(n) for n in range(6)]
    assert len({each.marker for each in looks}) == len({str(each.line) for each in looks}) == 6
    assert look_of(6) == look_of(0)


def test_a_band_is_a_veil_of_the_model_s_colour() -> None:
    x = np.linspace(0, 1, 5)
    svg = chart(lambda axes: draw_band(axes, Band(x, x, x - 0.1, x + 0.1), look_of(1)), "band")
    assert "fill: var(--model-2); fill-opacity: 0.14" in svg


def test_a_forest_is_read_from_the_top() -> None:
    seen: list[tuple[float, float]] = []

    def draw(axes: Axes) -> None:
        values = [Interval(0.9, 0.8, 1.0), Interval(0.7, 0.5, 0.8)]
        forest(axes, ["all", "some"], values, [look_of(0).color] * 2, "s")
        seen.append(axes.get_ylim())

    svg = chart(draw, "forest")
    assert seen == [(1.5, -0.5)] and ">all<" in svg and ">some<" in svg
