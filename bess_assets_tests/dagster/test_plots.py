"""The two pictures in Dagster's UI: SVG that shows the figures of their tables, also awkward ones."""

import base64
from datetime import date
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from bess_assets.assets.plots import cumulative_revenue, dollars, top_ten
from bess_assets.settlement.metrics import STREAMS

DAYS = [date(2024, 1, 1), date(2024, 1, 1), date(2024, 6, 1), date(2024, 12, 31)]


def picture(markdown: str) -> ET.Element:
    assert markdown.startswith("![")
    return ET.fromstring(base64.b64decode(markdown.split("svg+xml;base64,")[1].rstrip(")")))


def shapes(image: ET.Element, kind: str) -> list[ET.Element]:
    return image.findall(f"{{http://www.w3.org/2000/svg}}{kind}")


def words(image: ET.Element) -> list[str]:
    return [shape.text or "" for shape in shapes(image, "text")]


def days(totals: list[float | None]) -> pa.Table:
    known = pa.array(totals, pa.float64())
    others = {name: pa.nulls(len(DAYS), pa.float64()) for name in STREAMS[1:]}
    return pa.table({"operating_day": pa.array(DAYS), "total_usd": known, STREAMS[0]: known, **others})


def test_the_line_rises_from_the_first_day_to_the_last() -> None:
    (line,) = shapes(picture(cumulative_revenue(days([1.0, 1.0, 5e6, 5e6]))), "polyline")
    places = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert (places[0][0], places[-1][0]) == (96.0, pytest.approx(696, abs=2))
    assert places[0][1] > places[1][1] > places[2][1] == 34.0, "the picture's top is y = 0"


@pytest.mark.parametrize("totals", [[None] * 4, [0.0] * 4, [-5.0, None, -1e6, 3.0]])
def test_unknown_nought_and_negative_revenue_can_be_drawn(totals: list[float | None]) -> None:
    image = picture(cumulative_revenue(days(totals)))
    assert (image.attrib["width"], image.attrib["height"]) == ("720", "260")


def test_a_day_without_a_total_adds_the_streams_that_are_known() -> None:
    table = days([1e6, 1e6, None, 1e6])
    place = table.column_names.index("as_rrs_usd")
    table = table.set_column(place, "as_rrs_usd", pa.array([None, None, 2e6, None], pa.float64()))
    assert "5.0 M$ by 2024-12-31" in words(picture(cumulative_revenue(table)))[0]


def test_a_year_of_which_a_part_is_unknown_says_so() -> None:
    title = words(picture(cumulative_revenue(days([1.0, 1.0, 5e6, None]))))[0]
    assert title == "Stream total of 2024, cumulative: 5.0 M$ by 2024-12-31; 25.0% of battery days unknown"


def test_the_best_ten_are_drawn_and_nobody_who_is_not_ranked() -> None:
    names = ["<b>&", *(f"B{n}" for n in range(1, 13))]
    totals = [float(1_000_000 * (13 - n)) for n in range(13)]
    board = pa.table({"rank": pa.array([*range(1, 13), None], pa.int64()), "battery": names, "total_usd": totals})
    ten = picture(top_ten(board))
    assert words(ten) == [
        "The 10 batteries that earned most",
        *(word for name, total in zip(names[:10], totals, strict=False) for word in (name, dollars(total))),
    ]
    lengths = [float(bar.attrib["width"]) for bar in shapes(ten, "rect")[1:]]
    assert lengths == sorted(lengths, reverse=True), "a longer bar for more revenue"
    assert int(ten.attrib["height"]) > int(picture(top_ten(board.slice(0, 3))).attrib["height"])


def test_a_year_without_days_or_ranked_batteries_has_no_picture() -> None:
    assert cumulative_revenue(days([None] * 4).slice(0, 0)) == ""
    assert top_ten(pa.table({"rank": pa.array([None], pa.int64()), "battery": ["B"], "total_usd": [1.0]})) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0.4, "0 $"), (-56.0, "-56 $"), (340_120.0, "340.1 k$"), (-1.25e6, "-1.2 M$"), (2e9, "2.0 G$")]
)
def test_dollars_are_told_in_few_characters(value: float, text: str) -> None:
    assert dollars(value) == text
