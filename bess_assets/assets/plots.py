"""Two small pictures of a year for Dagster's UI, SVG inside Markdown: the fleet's revenue up to each day, and the ten batteries that earned most."""

import base64
import calendar
from collections.abc import Iterable
from datetime import date
from html import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.settlement.metrics import STREAMS
from bess_assets.text import one_line

_WIDTH, _HEIGHT = 720, 260
_LEFT, _TOP, _BOTTOM, _MONTH = 96, 34, 26, 50
_INK, _SOFT, _LINE, _BAR = "#1f2933", "#9aa5b1", "#2563eb", "#60a5fa"
_MOST, _STEP, _NAMES = 10, 24, 200


def cumulative_revenue(days: pa.Table) -> str:
    """The fleet's stream total up to each day, as Markdown.

    Args:
        days: `daily_revenue` with operating_day, the streams and total_usd; an unknown stream adds nothing, and the title says how many totals are unknown.
    """
    grouped = days.group_by("operating_day").aggregate([(name, "sum") for name in STREAMS]).sort_by("operating_day")
    dates: list[date] = grouped["operating_day"].to_pylist()
    if not dates:
        return ""
    of_days = sum(pc.fill_null(grouped[f"{name}_sum"], 0.0).to_numpy() for name in STREAMS)
    sums: list[float] = np.cumsum(of_days).tolist()
    unknown = days["total_usd"].null_count / days.num_rows
    title = f"Stream total of {dates[0].year}, cumulative: {dollars(sums[-1])} by {dates[-1]}"
    low, high = min(0.0, *sums), max(0.0, *sums)
    first = date(dates[0].year, 1, 1)

    scale = (_HEIGHT - _TOP - _BOTTOM) / ((high - low) or 1.0)
    points = " ".join(
        f"{_LEFT + 12 * _MONTH * (day - first).days / 366:.1f},{_TOP + (high - value) * scale:.1f}"
        for day, value in zip(dates, sums, strict=True)
    )
    shapes = [f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="2"/>']
    for value in sorted({low, 0.0, high}):
        y = _TOP + (high - value) * scale
        line = f'<path d="M{_LEFT} {y:.1f}h{12 * _MONTH}" stroke="{_SOFT}"/>'
        shapes += [line, _text(_LEFT - 8, y + 4, dollars(value), "end")]
    shapes += [_text(_LEFT + m * _MONTH, _HEIGHT - 8, calendar.month_abbr[m + 1]) for m in range(12)]
    return _picture(_HEIGHT, title + (f"; {unknown:.1%} of battery days unknown" if unknown else ""), shapes)


def top_ten(board: pa.Table) -> str:
    """The batteries that earned most, as Markdown.

    Args:
        board: `leaderboard` with rank, battery and total_usd, in its order; a ranked battery has a total.
    """
    rows = board.filter(pc.is_valid(board["rank"])).slice(0, _MOST).to_pylist()
    if not rows:
        return ""
    most, shapes = max(abs(row["total_usd"]) for row in rows) or 1.0, list[str]()
    for place, row in enumerate(rows):
        y, length = _TOP + _STEP * place, (_WIDTH - _NAMES - 110) * max(row["total_usd"], 0.0) / most
        bar = f'<rect x="{_NAMES}" y="{y + 4}" width="{length:.1f}" height="{_STEP - 8}" fill="{_BAR}"/>'
        name, total = row["battery"][:28], dollars(row["total_usd"])
        shapes += [bar, _text(_NAMES - 8, y + 16, name, "end"), _text(_NAMES + length + 6, y + 16, total)]
    return _picture(_TOP + _STEP * len(rows) + 8, f"The {len(rows)} batteries that earned most", shapes)


def dollars(value: float) -> str:
    """A sum in few characters: 1.2 M$, 340 k$, -56 $."""
    for size, unit in ((1e9, "G$"), (1e6, "M$"), (1e3, "k$")):
        if abs(value) >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f} $"


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    words = escape(one_line(text))
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def _picture(height: int, title: str, shapes: Iterable[str]) -> str:
    parts = ['<rect width="100%" height="100%" fill="white"/>', _text(12, 22, title, size=15), *shapes]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" fill="{_INK}">'
    svg = f"{head}{''.join(parts)}</svg>"
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
