"""The two pictures in Dagster's UI: real PNGs that show the figures of their tables, also awkward ones."""

import base64
import io
from datetime import date

import pyarrow as pa
import pytest
from PIL import Image

from bess_assets.assets.plots import cumulative_revenue, dollars, top_ten

DAYS = [date(2024, 1, 1), date(2024, 1, 1), date(2024, 6, 1), date(2024, 12, 31)]


def picture(markdown: str) -> Image.Image:
    assert markdown.startswith("![")
    return Image.open(io.BytesIO(base64.b64decode(markdown.split("base64,")[1].rstrip(")")))).convert("RGB")


def days(totals: list[float | None]) -> pa.Table:
    return pa.table({"operating_day": pa.array(DAYS), "total_usd": pa.array(totals, pa.float64())})


def inked(image: Image.Image, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Places of a colour, or one that the palette put in its stead."""
    pixels = image.load()
    near = [
        (x, y)
        for x in range(image.width)
        for y in range(image.height)
        if sum(abs(a - b) for a, b in zip(pixels[x, y], colour, strict=True)) < 30
    ]
    assert near
    return near


def test_the_line_rises_from_the_first_day_to_the_last() -> None:
    line = inked(picture(cumulative_revenue(days([1.0, 1.0, 5e6, 5e6]))), (37, 99, 235))
    assert min(line)[0] < 110
    assert max(line)[0] > 680
    assert min(line)[1] > max(line)[1], "the picture's top is y = 0"


@pytest.mark.parametrize("totals", [[None] * 4, [0.0] * 4, [-5.0, None, -1e6, 3.0]])
def test_unknown_nought_and_negative_revenue_can_be_drawn(totals: list[float | None]) -> None:
    assert picture(cumulative_revenue(days(totals))).size == (720, 260)


def test_a_year_of_which_a_part_is_unknown_says_so() -> None:
    assert cumulative_revenue(days([1.0, 1.0, 5e6, None])) != cumulative_revenue(days([1.0, 1.0, 5e6, 0.0]))


def test_the_best_ten_are_drawn_and_nobody_who_is_not_ranked() -> None:
    board = pa.table(
        {
            "rank": pa.array([*range(1, 13), None], pa.int64()),
            "battery": [f"B{n}" for n in range(13)],
            "total_usd": pa.array([float(1_000_000 * (13 - n)) for n in range(13)]),
        }
    )
    ten = picture(top_ten(board))
    assert ten.height == picture(top_ten(board.slice(0, 10))).height
    assert ten.height > picture(top_ten(board.slice(0, 3))).height
    bars = inked(ten, (96, 165, 250))
    first = max(x for x, y in bars if 40 < y < 56)
    last = max(x for x, y in bars if 256 < y < 272)
    assert first > last, "a longer bar for more revenue"


def test_a_year_without_days_or_ranked_batteries_has_no_picture() -> None:
    assert cumulative_revenue(days([None] * 4).slice(0, 0)) == ""
    assert top_ten(pa.table({"rank": pa.array([None], pa.int64()), "battery": ["B"], "total_usd": [1.0]})) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0.4, "0 $"), (-56.0, "-56 $"), (340_120.0, "340.1 k$"), (-1.25e6, "-1.2 M$"), (2e9, "2.0 G$")]
)
def test_dollars_are_told_in_few_characters(value: float, text: str) -> None:
    assert dollars(value) == text
