"""Pictures of answers: a battery's streams, cumulative dollars, one day, TB2 capture by duration, batteries side by side. Needs the extra `plot`.

Each function asks `Results` and returns a matplotlib figure, which a notebook shows and `save` writes. What is unknown is left blank.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bess_assets.errors import BessError
from bess_assets.results.answers import Answer, QueryError
from bess_assets.results.asked import Year
from bess_assets.results.queries import Results
from bess_assets.store.listing import MADE_UP_COLUMN, NOTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STREAMS = {
    "da_energy_usd": "day-ahead energy",
    "rt_energy_usd": "real-time energy",
    "as_regup_usd": "RegUp",
    "as_regdn_usd": "RegDown",
    "as_rrs_usd": "RRS",
    "as_ecrs_usd": "ECRS",
    "as_nspin_usd": "Non-Spin",
}
# colours that stay apart for the colour-blind (Okabe and Ito)
_COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#F0E442", "#009E73", "#CC79A7", "#D55E00")
_BLANK = float("nan")
_NAMED = 40  # dots of more batteries have no names


def stack(results: Results, name: str, year: Year) -> "Figure":
    """A battery's streams of each month of a year, stacked; losses below zero. What is unknown is left out: a star at a month says so."""
    months = results.product_stack(name, by="month", year=year)
    figure, axes = _figure(f"{name}: streams by month, {year}", "thousand $", months)
    above, below = [0.0] * len(months.rows), [0.0] * len(months.rows)
    for (column, label), colour in zip(STREAMS.items(), _COLOURS, strict=True):
        values = [(usd or 0.0) / 1e3 for usd in months.column(column)]
        bottoms = [above[n] if usd >= 0 else below[n] for n, usd in enumerate(values)]
        axes.bar(months.column("month"), values, bottom=bottoms, color=colour, label=label)
        above = [sum_ + max(usd, 0.0) for sum_, usd in zip(above, values, strict=True)]
        below = [sum_ + min(usd, 0.0) for sum_, usd in zip(below, values, strict=True)]
    coverages = ("energy_coverage", "as_coverage")
    unknown = [row["total_usd"] is None or any((row[c] or 0.0) < 1 for c in coverages) for row in months.records()]
    ticks = [f"{month}{'*' * star}" for month, star in zip(months.column("month"), unknown, strict=True)]
    axes.set_xticks(months.column("month"), ticks)
    axes.set_xlabel("month" + ", * not all of it known" * any(unknown))
    axes.legend(ncols=4, fontsize="small")
    return _plain(figure)


def cumulative(results: Results, names: Sequence[str], year: Year) -> "Figure":
    """Dollars of batteries summed up to each day of a year; a day whose total is unknown adds nothing and is left blank, and the legend counts such days."""
    days = {name: results.battery_days(name, f"{int(year)}-01-01", f"{int(year)}-12-31") for name in names}
    figure, axes = _figure(f"Cumulative revenue, {year}", "million $", *days.values())
    for name, answer in days.items():
        sums, total = [], 0.0
        for usd in answer.column("total_usd"):
            total += usd or 0.0
            sums.append(_BLANK if usd is None else total / 1e6)
        unknown = answer.column("total_usd").count(None)
        label = f"{name}, {unknown} days unknown" if unknown else name
        axes.plot(answer.column("operating_day"), sums, label=label)
    axes.legend()
    figure.autofmt_xdate()
    return _plain(figure)


def day(results: Results, name: str, operating_day: str) -> "Figure":
    """A battery's day by quarter-hour: prices; power and state of charge; dollars."""
    answer = results.battery_intervals(name, operating_day)
    if not answer.rows:
        raise QueryError(f"{operating_day} has no quarter-hours of {name}.")
    figure, (prices, power, dollars) = _figures(3, f"{name}, {operating_day}", answer)
    hours = [n / 4 for n in range(len(answer.rows))]
    start = datetime.fromisoformat(answer.column("interval_start_central")[0])
    prices.step(hours, _known(answer, "rt_price_usd_per_mwh"), where="post", label="real-time price")
    prices.step(hours, _known(answer, "da_price_usd_per_mwh"), where="post", label="day-ahead price")
    prices.set_ylabel("$/MWh")
    power.step(hours, _known(answer, "net_mw"), where="post", label="net MW, discharge positive")
    power.step(hours, _known(answer, "da_award_mw"), where="post", label="day-ahead award, MW", linestyle="--")
    if any(value is not None for value in answer.column("soc_mwh")):
        power.plot(
            [hour + 0.25 for hour in hours], _known(answer, "soc_mwh"), label="state of charge, MWh", color="grey"
        )
    power.set_ylabel("MW, MWh")
    dollars.bar(hours, _known(answer, "energy_usd"), width=0.25, align="edge", label="energy")
    dollars.step(hours, _known(answer, "as_usd"), where="post", label="ancillary services", color=_COLOURS[2])
    dollars.set_ylabel("$ a quarter-hour")
    dollars.set_xticks(range(0, len(hours) // 4 + 1, 3))
    dollars.set_xlabel(f"hours since {start:%H:%M} Central")
    for axes in (prices, power, dollars):
        axes.legend(fontsize="small")
        axes.margins(x=0)
    return _plain(figure)


def duration(results: Results, year: Year) -> "Figure":
    """$/kW-month of the ranked batteries of a year by their hours of energy, assumed durations left out."""
    board = results.leaderboard(year)
    rows = [
        row
        for row in board.records()
        if row["rank"] is not None and row["usd_per_kw_month"] is not None and row["duration_source"] != "assumed"
    ]
    figure, axes = _figure(f"$/kW-month by duration, {year}", "$/kW-month", board)
    sizes = [max(row["capacity_mw"], 5.0) for row in rows]
    axes.scatter([row["duration_hours"] for row in rows], [row["usd_per_kw_month"] for row in rows], s=sizes, alpha=0.6)
    for row in rows if len(rows) <= _NAMED else ():
        place = (row["duration_hours"], row["usd_per_kw_month"])
        axes.annotate(row["battery"], place, (7, -3), textcoords="offset points", fontsize="x-small")
    axes.set_xlabel("hours of energy at full power; the area of a dot is its MW")
    return _plain(figure)


def compare(results: Results, names: Sequence[str], year: Year) -> "Figure":
    """$/kW-month of batteries in each month of a year, side by side."""
    answer = results.compare(names, year, by="month")
    figure, axes = _figure(f"$/kW-month, {year}", "$/kW-month", answer)
    rows = answer.records()
    keys = list(dict.fromkeys(row["battery"] for row in rows))
    width = 0.8 / len(keys)
    for n, key in enumerate(keys):
        own = {row["month"]: row["usd_per_kw_month"] for row in rows if row["battery"] == key}
        places = [month - 0.4 + width * (n + 0.5) for month in own]
        axes.bar(places, [_BLANK if usd is None else usd for usd in own.values()], width=width, label=key)
    axes.set_xticks(sorted({row["month"] for row in rows}))
    axes.set_xlabel("month")
    axes.legend()
    return _plain(figure)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the name.

    Raises:
        QueryError: matplotlib writes no such files.
    """
    try:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    except ValueError as error:
        raise QueryError(
            f"A picture cannot be written as {path.name}.", expected="a name that ends in .png, .svg or .pdf"
        ) from error


def _figure(title: str, unit: str, *answers: Answer) -> "tuple[Figure, Axes]":
    figure, (axes,) = _figures(1, title, *answers)
    axes.set_ylabel(unit)
    axes.axhline(0, color="black", linewidth=0.6)
    return figure, axes


def _figures(count: int, title: str, *answers: Answer) -> "tuple[Figure, list[Axes]]":
    """A figure of some panels above each other, which says where its data are made up."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise BessError(
            "Pictures need matplotlib.", remedy='Install it: python -m pip install "bess-assets[plot]"'
        ) from error
    figure = Figure(figsize=(10, 3 + 2 * count), layout="constrained")
    figure.suptitle(title)
    if any(MADE_UP_COLUMN in answer.columns for answer in answers):
        figure.text(0.01, 0.005, NOTE, fontsize="small", color="darkred")
        figure.set_layout_engine("constrained", rect=(0, 0.03, 1, 0.97))
    panels = figure.subplots(count, 1, sharex=True, squeeze=False)
    return figure, [row[0] for row in panels]


def _plain(figure: "Figure") -> "Figure":
    """The figure whose texts are no formulas: matplotlib takes what lies between two dollar signs for one."""
    from matplotlib.text import Text  # noqa: PLC0415  an extra

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    return figure


def _known(answer: Answer, column: str) -> list[Any]:
    return [_BLANK if value is None else value for value in answer.column(column)]
