"""Two small pictures of a year for Dagster's UI, PNG inside Markdown: the fleet's revenue up to each day, and the ten batteries that earned most."""

import base64
import io
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 24, 34, 26
_INK, _SOFT, _LINE, _BAR = "#1f2933", "#9aa5b1", "#2563eb", "#60a5fa"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MOST = 10


def cumulative_revenue(days: pa.Table) -> str:
    """The fleet's revenue summed up to each day, as Markdown.

    Args:
        days: `daily_revenue` with operating_day and total_usd; what is unknown adds nothing, and the title says how much that is.
    """
    grouped = days.group_by("operating_day").aggregate([("total_usd", "sum")]).sort_by("operating_day")
    dates: list[date] = grouped["operating_day"].to_pylist()
    if not dates:
        return ""
    sums = np.cumsum(pc.fill_null(grouped["total_usd_sum"], 0.0).to_numpy())
    unknown = days["total_usd"].null_count / days.num_rows
    title = f"Fleet revenue of {dates[0].year}, cumulative: {dollars(float(sums[-1]))} by {dates[-1]}"
    image, draw = _canvas(_HEIGHT, title + (f"; {unknown:.1%} of battery days unknown" if unknown else ""))
    font = ImageFont.load_default(12)
    low, high = min(float(sums.min()), 0.0), max(float(sums.max()), 0.0)
    span = (high - low) or 1.0
    first = date(dates[0].year, 1, 1)
    length = (date(dates[0].year + 1, 1, 1) - first).days

    def place(day: date, value: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * (day - first).days / length
        return across, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / span

    for value in sorted({low, 0.0, high}):
        _, y = place(first, value)
        draw.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill=_SOFT)
        draw.text((_LEFT - 8, y), dollars(value), fill=_INK, font=font, anchor="rm")
    for month, name in enumerate(_MONTHS, start=1):
        x, _ = place(date(first.year, month, 1), low)
        draw.text((x, _HEIGHT - _BOTTOM + 6), name, fill=_INK, font=font)
    draw.line([place(day, float(value)) for day, value in zip(dates, sums, strict=True)], fill=_LINE, width=2)
    return _markdown(image, "Cumulative fleet revenue")


def top_ten(board: pa.Table) -> str:
    """The batteries that earned most, as Markdown.

    Args:
        board: `leaderboard` with rank, battery and total_usd, in its order.
    """
    ranked = board.filter(pc.is_valid(board["rank"])).slice(0, _MOST).to_pylist()
    rows = [(row["battery"], row["total_usd"]) for row in ranked if row["total_usd"] is not None]
    if not rows:
        return ""
    step, left = 24, 200
    image, draw = _canvas(_TOP + step * len(rows) + 8, f"The {len(rows)} batteries that earned most")
    font = ImageFont.load_default(12)
    most = max(abs(total) for _, total in rows) or 1.0
    for place, (name, total) in enumerate(rows):
        y = _TOP + step * place
        draw.text((left - 8, y + step / 2), name[:28], fill=_INK, font=font, anchor="rm")
        length = (_WIDTH - left - 110) * max(total, 0.0) / most
        draw.rectangle([(left, y + 4), (left + length, y + step - 4)], fill=_BAR)
        draw.text((left + length + 6, y + step / 2), dollars(total), fill=_INK, font=font, anchor="lm")
    return _markdown(image, "The ten batteries that earned most")


def dollars(value: float) -> str:
    """A sum in few characters: 1.2 M$, 340 k$, -56 $."""
    for size, unit in ((1e9, "G$"), (1e6, "M$"), (1e3, "k$")):
        if abs(value) >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f} $"


def _canvas(height: int, title: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (_WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    draw.text((12, 10), title, fill=_INK, font=ImageFont.load_default(15))
    return image, draw


def _markdown(image: Image.Image, meaning: str) -> str:
    file = io.BytesIO()
    image.quantize(32).save(file, "PNG", optimize=True)
    return f"![{meaning}](data:image/png;base64,{base64.b64encode(file.getvalue()).decode()})"
