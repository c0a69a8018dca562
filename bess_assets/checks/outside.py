"""Results of a year beside totals that others publish, as information: no figure is corrected by them, and no check fails for them.

Totals of the fleet come from files of the user: nothing that this package fetches holds them.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bess_assets.ercot.calendar import day_number, operating_year
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS
from bess_assets.ercot.spreadsheets import plain_text
from bess_assets.ercot.step import Inputs
from bess_assets.errors import InputError
from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets.settlement.runs import hourly_maxima
from bess_assets.store.listing import MADE_UP_COLUMN, require
from bess_assets.store.paths import rollup_folder

FLEET_COLUMNS = ("day", "charge_mwh", "discharge_mwh")
PROCURED_COLUMNS = ("day", "product", "procured_mwh")
ESR_USD_PER_MW = {
    (2025, 12): 479.0229, (2026, 1): 2356.9241, (2026, 2): 446.3753, (2026, 3): 704.2180,
    (2026, 4): 1130.9943, (2026, 5): 724.4702, (2026, 6): 483.7236, (2026, 7): 681.5317,
}  # fmt: skip
"""Day-ahead energy and AS of all ESRs of a month, at the prices that their rows state, over the sum of each one's highest day-ahead HSL of it, $/MW.

Published by SamuelEnrique/erw on GitHub; December 2025 from the 6th on.
"""
_WHOLE_DAYS = (276, 288, 300)
"""Five-minute values of a day."""


class Beside(NamedTuple):
    """A figure of ours beside that of others.

    Attributes:
        what: what both are of.
        period: day as text, or month as 2024-05.
        unit: of both.
        ours: sum of what is known; None where nothing is.
        others: theirs.
        known_share: share of our intervals that are known, where that is counted.
    """

    what: str
    period: str
    unit: str
    ours: float | None
    others: float
    known_share: float | None

    @property
    def ratio(self) -> float | None:
        """Ours over theirs; None without one of them."""
        return self.ours / self.others if self.ours is not None and self.others else None


COLUMNS = (*Beside._fields, "ratio")


def beside_fleet(settings: Settings, year: int, files: Sequence[Path]) -> list[Beside]:
    """MWh charged and discharged by all batteries, by day, beside those of files: CSV of `FLEET_COLUMNS`, or the JSON of ERCOT's dashboard as it was saved.

    Raises:
        InputError: a file cannot be read.
        NotRefreshedError: the year has no days yet.
    """
    theirs: dict[date, Mapping[str, float]] = {}
    for file in files:
        theirs |= _dashboard(file) if file.suffix.lower() == ".json" else _fleet_csv(file)
    ours = _rows(
        settings,
        year,
        "daily_revenue",
        "operating_day, sum(charge_mwh), sum(discharge_mwh), 1 - sum(unobserved_quarter_hours) / sum(expected_quarter_hours)",
    )
    return [
        Beside(f"fleet {way}", day.isoformat(), "MWh", mwh, theirs[day][f"{way}_mwh"], share)
        for day, *both, share in ours
        for way, mwh in zip(("charge", "discharge"), both, strict=True)
        if day in theirs and f"{way}_mwh" in theirs[day]
    ]


def beside_procured(settings: Settings, year: int, file: Path) -> list[Beside]:
    """Day-ahead AS awards of all batteries, MW summed over hours, by day and product, beside what a CSV of `PROCURED_COLUMNS` says was procured in all.

    Raises:
        InputError: the file cannot be read.
        NotRefreshedError: the year has no days yet.
    """
    theirs: defaultdict[tuple[date, str], float] = defaultdict(float)
    unknown = set[tuple[date, str]]()  # of a day and product an empty cell is unknown, and so is their sum
    for line, row in _csv(file, PROCURED_COLUMNS):
        product = str(row["product"]).strip().lower()
        if product not in PRODUCTS:
            raise _refusal(file, f"names the product {product!r} in line {line}", ", ".join(PRODUCTS))
        key, mwh = (_day(file, line, row["day"]), product), _number(file, line, row["procured_mwh"])
        if mwh is None:
            unknown.add(key)
        else:
            theirs[key] += mwh
    sums = ", ".join(f"sum({p}_award_mwh)" for p in PRODUCTS)
    ours = _rows(settings, year, "dam_awards_daily", f"operating_day, {sums}, sum(known_hours) / sum(expected_hours)")
    return [
        Beside(f"{p} awards", day.isoformat(), "MWh", mwh, theirs[day, p], share)
        for day, *awards, share in ours
        for p, mwh in zip(PRODUCTS, awards, strict=True)
        if (day, p) in theirs.keys() - unknown
    ]


def beside_esr_months(settings: Settings, year: int) -> list[Beside]:
    """Day-ahead $/MW of all ESRs by month beside what another program published of ERCOT's files; nothing of other months.

    Raises:
        InputError: a rollup cannot be read.
        NotRefreshedError: the year has no days yet.
    """
    published = {month: usd for (of_year, month), usd in ESR_USD_PER_MW.items() if of_year == year}
    if not published:
        return []
    ours = esr_usd_per_mw(settings, year)
    what = "day-ahead energy and AS of ESRs"
    return [
        Beside(what, f"{year}-{month:02d}", "$/MW", ours[month][0], usd, ours[month][1])
        for month, usd in sorted(published.items())
        if month in ours
    ]


def esr_usd_per_mw(settings: Settings, year: int) -> dict[int, tuple[float, float]]:
    """Day-ahead energy and AS of all ESRs over the sum of each one's highest day-ahead high sustained limit, $/MW, by month; from 2025-12-06.

    Beside it the share of the hours whose energy is priced, or whose services are known, whichever is less: dollars of others are not in it.
    """
    services = " + ".join(f"coalesce(as_{p}_da_usd, 0)" for p in PRODUCTS)
    for table in ("bess_registry", "dam_awards_daily", "daily_revenue"):
        require(settings.results, table, year)
    with Results(settings) as results:
        names = results.query(
            f"SELECT esr_resource FROM bess_registry WHERE year = {year} AND esr_resource IS NOT NULL ORDER BY battery"
        ).column("esr_resource")
        money = results.query(
            f"SELECT month(operating_day) AS month, sum(coalesce(dam_awards_daily.da_energy_usd, 0) + {services} + coalesce(as_da_unmatched_usd, 0)) AS usd, "
            "least(sum(priced_hours), sum(as_hours)) / sum(dam_awards_daily.expected_hours) AS known_share "
            "FROM dam_awards_daily JOIN daily_revenue USING (year, battery, operating_day) JOIN bess_registry USING (year, battery) "
            f"WHERE year = {year} AND operating_day >= DATE '{DAM_ESR_FIRST_DAY}' AND esr_resource IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
    inputs = Inputs(operating_year(year), rollup_folder(settings), {})
    if not names or not inputs.rollups.files("dam_esr_resources", year):
        return {}
    limits = hourly_maxima(inputs, "dam_esr_resources", names, ["hsl_mw"])[0]["hsl_mw"]
    days = inputs.year.first_day + inputs.year.hour_day
    found = {}
    for month, dollars, share in zip(*(money.column(name) for name in ("month", "usd", "known_share")), strict=True):
        first_day, next_day = (day_number(date(year + n // 12, n % 12 + 1, 1)) for n in (month - 1, month))
        hours = np.flatnonzero((days >= first_day) & (days < next_day))
        mw = float(np.nan_to_num(np.fmax.reduce(limits[:, hours], axis=1)).sum())
        if mw > 0:
            found[month] = dollars / mw, share
    return found


def by_month(rows: Sequence[Beside]) -> list[Beside]:
    """The days of each month summed, of days on which ours are known; months as they are. The known share is the mean of the days."""
    found: dict[tuple[str, str, str], list[Beside]] = {}
    for row in rows:
        found.setdefault((row.what, row.period[:7], row.unit), []).append(row)
    summed = []
    for (what, month, unit), of in sorted(found.items()):
        known = [row for row in of if row.ours is not None]
        shares = [row.known_share for row in known if row.known_share is not None]
        ours = sum(row.ours for row in known if row.ours is not None) if known else None
        share = sum(shares) / len(shares) if shares else None
        summed.append(Beside(what, month, unit, ours, sum(row.others for row in known or of), share))
    return summed


# --- files of the user ------------------------------------------------------------------------------------------------


def _fleet_csv(file: Path) -> dict[date, dict[str, float]]:
    found: dict[date, dict[str, float]] = {}
    for line, row in _csv(file, FLEET_COLUMNS):
        day, own = _day(file, line, row["day"]), {name: _number(file, line, row[name]) for name in FLEET_COLUMNS[1:]}
        if day in found:
            raise _refusal(file, f"has {day} again in line {line}", "a row a day")
        # some write charging as below zero
        found[day] = {name: abs(mwh) for name, mwh in own.items() if mwh is not None}
    return found


def _dashboard(file: Path) -> dict[date, dict[str, float]]:
    """MWh of the whole days of a saved answer of ERCOT's dashboard of storage resources: MW every five minutes, of two days."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        rows = [row for part in ("previousDay", "currentDay") for row in said.get(part, {}).get("data", ())]
        mw: defaultdict[date, list[tuple[float, float]]] = defaultdict(list)
        for row in rows:
            day = date.fromisoformat(row["timestamp"][:10])
            mw[day].append((abs(float(row["totalCharging"])), abs(float(row["totalDischarging"]))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(file, "is no answer of the dashboard", "previousDay.data with timestamp, totalCharging, totalDischarging") from error  # fmt: skip
    return {
        day: dict(zip(FLEET_COLUMNS[1:], (sum(way) / 12 for way in zip(*both, strict=True)), strict=True))
        for day, both in mw.items()
        if len(both) in _WHOLE_DAYS
    }


def _csv(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV that has these columns, with their lines."""
    try:
        reader = csv.DictReader(io.StringIO(plain_text(file.read_bytes()), newline=""))
        names = [name.strip().lower() for name in reader.fieldnames or []]
    except (UnicodeError, csv.Error) as error:
        raise _refusal(file, "is no CSV text", ",".join(columns)) from error
    if missing := [name for name in columns if name not in names]:
        raise _refusal(file, f"has no column {missing[0]}", ",".join(columns))
    reader.fieldnames = names
    for row in reader:
        yield reader.line_num, row


def _day(file: Path, line: int, text: str | None) -> date:
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError as error:
        raise _refusal(file, f"has {text!r} for a day in line {line}", "a day such as 2024-08-20") from error


def _number(file: Path, line: int, text: str | None) -> float | None:
    """A finite number, None for an empty cell."""
    refusal = _refusal(file, f"has {text!r} for a number in line {line}", "MWh, or an empty cell")
    try:
        number = float(text) if text and text.strip() else None
    except ValueError as error:
        raise refusal from error
    if number is not None and not np.isfinite(number):
        raise refusal
    return number


def _refusal(file: Path, problem: str, expected: str) -> InputError:
    return InputError(f"{file.name} {problem}.", file=file, expected=expected)


def _rows(settings: Settings, year: int, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Sums of a table of batteries and days, by day."""
    require(settings.results, table, year)
    with Results(settings) as results:
        answer = results.query(f"SELECT {columns} FROM {table} WHERE year = {year} GROUP BY ALL ORDER BY ALL")
    # rows of made-up years end with a mark
    return [row[:-1] for row in answer.rows] if MADE_UP_COLUMN in answer.columns else answer.rows
