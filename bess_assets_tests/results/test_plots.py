"""Pictures of answers: what they show, and what is unknown in them."""

import math
import sys
from pathlib import Path

import pytest

from bess_assets.errors import BessError
from bess_assets.results import QueryError, Results, plots
from bess_assets_tests.made_home import ALPHA
from bess_assets_tests.test_cli import at_home, refused


@pytest.mark.parametrize("kind", ["stack", "cumulative", "duration", "compare"])
def test_a_picture_is_written_and_named(settings, tmp_path: Path, kind: str) -> None:
    names = {"duration": [], "stack": ["ALPHA_1"]}.get(kind, ["ALPHA_1", "BRAVO"])
    out = tmp_path / f"{kind}.png"
    said = at_home(settings.home, "plot", kind, *names, "--year", "2024", "--out", str(out))
    assert f"Written: {out}" in said.stdout
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_stack_of_a_month_adds_up_to_its_streams(results: Results) -> None:
    (axes,) = plots.stack(results, "ALPHA_1", 2024).axes
    heights = sum(bar.get_height() for bars in axes.containers for bar in bars)
    assert heights == pytest.approx(sum(results.product_stack("ALPHA_1", "month", 2024).column("total_usd")) / 1e3)


def test_a_month_that_is_not_wholly_known_has_a_star(results: Results) -> None:
    whole, lacking = (plots.stack(results, name, 2024).axes[0] for name in ("ALPHA_1", "ZULU_UNIT1"))
    assert [label.get_text() for axes in (whole, lacking) for label in axes.get_xticklabels()] == ["1", "1*"]
    assert "not all of it known" in lacking.get_xlabel()
    assert "not all of it known" not in whole.get_xlabel()


def test_a_day_without_a_total_is_blank_and_counted(results: Results) -> None:
    (axes,) = plots.cumulative(results, ["ALPHA_1", "ZULU_UNIT1"], 2024).axes
    alpha, zulu = (line.get_ydata() for line in axes.lines[-2:])
    assert alpha[-1] == pytest.approx(sum(range(1, 15)) / 1e6)
    assert all(map(math.isnan, zulu))
    assert axes.lines[-1].get_label() == f"ZULU_UNIT1, {len(zulu)} days unknown"


def test_an_assumed_duration_is_no_dot(results: Results) -> None:
    (axes,) = plots.duration(results, 2024).axes
    assert axes.collections[0].get_offsets().tolist() == [[ALPHA["duration_hours"], ALPHA["usd_per_kw_month"]]]


def test_a_name_with_dollar_signs_is_no_formula(results: Results) -> None:
    figure = plots.compare(results, ["ALPHA_1"], 2024)
    assert not any(text.get_parse_math() for text in (*figure.axes[0].texts, *figure.axes[0].get_legend().get_texts()))


def test_without_matplotlib_the_extra_is_named(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BessError, match="Pictures need matplotlib") as error:
        plots.duration(results, 2024)
    assert "bess-assets[plot]" in str(error.value)


def test_what_cannot_be_drawn_is_refused_with_an_example(settings, results: Results, tmp_path: Path) -> None:
    assert "bess plot stack FLINT_1" in refused(settings.home, "plot", "stack")
    assert "bess plot day" in refused(settings.home, "plot", "day", "ALPHA_1")
    with pytest.raises(QueryError, match=r"\.png"):
        plots.save(plots.duration(results, 2024), tmp_path / "picture.txt")
