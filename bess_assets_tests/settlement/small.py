"""Markets of a few days that a reader can settle by hand, and the short way from their rows to every result table."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.step import Finding, Inputs
from bess_assets.run import STEPS, STEPS_ASKED_FOR, hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.registry import bess_registry
from bess_assets.store.journal import TableEntry
from bess_assets.store.paths import RollupFolder
from bess_assets.tables import TABLES
from bess_assets_tests.long_form import result_rows
from bess_assets_tests.scenario import Row, hourly, runs_of_day, write_rollup

GEN, LOAD, ESR, NODE = "OAK_BESS1", "OAK_LD1", "OAK_ESR1", "OAK_RN"
HOURS = range(1, 25)
NO_AWARDS = {f"{product}_award_mw": 0.0 for product in ("regup", "regdn", "rrs", "nspin")}
ESR_AWARDS = {f"{p}_award_mw": 0.0 for p in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrssd", "nspin")}
RT_AWARDS = {f"{part}_award_mw": 0.0 for part in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrs", "nspin")}
Market = dict[str, list[Row]]


def _day_ahead(day: date, name: str, hours: Sequence[int], row: Row) -> list[Row]:
    """Rows of some hours; values may be one an hour."""

    def of(hour: int) -> Row:
        return {k: v[hour] if isinstance(v, Mapping) else v for k, v in row.items()}

    return [hourly(day, hour, name, **of(hour)) for hour in hours]


def dam(day: date, name: str = GEN, hours: Sequence[int] = HOURS, **values: Any) -> list[Row]:
    """A day of day-ahead rows of a battery before RTC+B; values may be one an hour."""
    row = {"resource_type": "PWRSTR", "settlement_point": NODE, "hsl_mw": 10.0, "award_mw": 0.0, **NO_AWARDS}
    return _day_ahead(day, name, hours, row | values)


def dam_load(day: date, name: str = LOAD, hours: Sequence[int] = HOURS, **values: Any) -> list[Row]:
    """A day of day-ahead rows of a load resource."""
    return _day_ahead(day, name, hours, {"max_power_mw": 10.0, **NO_AWARDS, **values})


def dam_esr(day: date, name: str = ESR, hours: Sequence[int] = HOURS, **values: Any) -> list[Row]:
    """A day of day-ahead rows of a storage resource."""
    row = {"resource_type": "ESR", "settlement_point": NODE, "hsl_mw": 10.0, "award_mw": 0.0, **ESR_AWARDS}
    return _day_ahead(day, name, hours, row | values)


def metered(end: datetime, number: int, mwh: float, name: str = GEN) -> Row:
    """A row of settlement metering."""
    return {"interval_end": end, "interval_number": number, "resource_name": name, "energy_mwh": mwh}


def telemetry(day: date, output_mw: float, name: str = GEN, **values: Any) -> list[Row]:
    """A day of quarter-hourly runs of a battery before RTC+B."""
    return runs_of_day(day, 15, name, resource_type="PWRSTR", output_mw=output_mw, **values)


def consumption(day: date, consumption_mw: float, name: str = LOAD, **values: Any) -> list[Row]:
    """A day of quarter-hourly runs of a load resource."""
    return runs_of_day(day, 15, name, consumption_mw=consumption_mw, **values)


def esr_telemetry(day: date, output_mw: float, name: str = ESR, **values: Any) -> list[Row]:
    """A day of quarter-hourly runs of a storage resource."""
    row = {"resource_type": "ESR", "output_mw": output_mw, "hsl_mw": 10.0, "max_soc_mwh": 20.0, **RT_AWARDS, **values}
    return runs_of_day(day, 15, name, **row)


def _quarters(day: date, hours: Sequence[int] = HOURS) -> list[Row]:
    """Labels of quarter-hours of an ordinary day, as price files have them."""
    return [label | {"interval": interval} for label in _hours(day, hours) for interval in (1, 2, 3, 4)]


def _hours(day: date, hours: Sequence[int] = HOURS) -> list[Row]:
    return [{"operating_day": day, "hour_ending": hour, "repeated_hour": "N"} for hour in hours]


def prices(day: date, da: float | Mapping[int, float], rt: float, point: str = NODE) -> Market:
    """Both prices of a point on an ordinary day."""
    hourly_usd = da if isinstance(da, Mapping) else dict.fromkeys(HOURS, da)
    of_point = {"settlement_point": point, "settlement_point_type": "RN", "price_usd_per_mwh": rt}
    return {
        "da_prices": [
            label | {"settlement_point": point, "price_usd_per_mwh": hourly_usd[label["hour_ending"]]}
            for label in _hours(day)
        ],
        "rt_prices": [label | of_point for label in _quarters(day)],
    }


def _of_products(labels: list[Row], mcpc: Mapping[str, float]) -> list[Row]:
    return [label | {"product": product, "mcpc_usd_per_mw": usd} for label in labels for product, usd in mcpc.items()]


def clearing(day: date, **mcpc: float) -> Market:
    """Day-ahead clearing prices of an ordinary day, by the labels of the price files."""
    return {"as_prices": _of_products(_hours(day), mcpc)}


def rt_clearing(day: date, hours: Sequence[int] = HOURS, **mcpc: float) -> Market:
    """Real-time clearing prices of an ordinary day."""
    return {"rt_as_prices": _of_products(_quarters(day, hours), mcpc)}


def together(*markets: Mapping[str, Sequence[Row]]) -> Market:
    """Rows of several markets in one."""
    joined: Market = {}
    for market in markets:
        for dataset, rows in market.items():
            joined.setdefault(dataset, []).extend(rows)
    return joined


def without(market: Market, dataset: str, unwanted: Callable[[Row], bool]) -> Market:
    """A market without some rows of a dataset."""
    return {**market, dataset: [row for row in market[dataset] if not unwanted(row)]}


def renamed(market: Market, name: str, node: str | None = None) -> Market:
    """A market whose storage resource has another name, and another node if one is given."""
    changed = {**market}
    for dataset in ("dam_esr_resources", "sced_esr_resources"):
        changed[dataset] = [row | {"resource_name": name} for row in market[dataset]]
    if node:
        changed["dam_esr_resources"] = [row | {"settlement_point": node} for row in changed["dam_esr_resources"]]
    return changed


def days(first: date, count: int) -> list[date]:
    """Days in a row."""
    return [first + timedelta(days=n) for n in range(count)]


@dataclass(frozen=True)
class Settled:
    """A market's results."""

    settings: Settings
    year: int
    entries: dict[str, TableEntry] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        """Where they lie."""
        return self.settings.results

    def settle(self, wanted: Collection[str]) -> "Settled":
        """Run the steps of these tables that were not run yet."""
        missing = [name for name in STEPS | STEPS_ASKED_FOR if name in wanted and name not in self.entries]
        with hold_year(self.settings, self.year) as held:
            self.entries.update({name: held.run_table(name) for name in missing})
        return self

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """Rows of a result table that have these values; the table is made if it was not."""
        found = result_rows(self.settle(_leading_to(table)).results, table, self.year)
        if wanted:
            found = found.filter(pq.filters_to_expression([(name, "=", value) for name, value in wanted.items()]))
        rows: list[Row] = found.to_pylist()
        return rows

    def row(self, table: str, **wanted: Any) -> Row:
        """The one row that has these values."""
        (found,) = self.rows(table, **wanted)
        return found

    def findings(self, kind: str) -> list[str]:
        """Details of the findings of a kind, of all steps."""
        return [f["detail"] for entry in self.entries.values() for f in entry["findings"] if f["kind"] == kind]


def write(folder: Path, year: int, market: Mapping[str, Sequence[Row]]) -> Path:
    """A market's rollup files, all in those of one year; returns the folder of the rollups."""
    for dataset, rows in market.items():
        if rows:
            write_rollup(folder / "rollups", dataset, year, rows)
    return folder / "rollups"


def _leading_to(table: str) -> set[str]:
    return {table}.union(*(_leading_to(name) for name in TABLES[table].upstream))


def settle(
    folder: Path,
    year: int,
    market: Mapping[str, Sequence[Row]],
    *,
    table: str | None = None,
    until: str = "leaderboard",
) -> Settled:
    """The steps that lead to the table wanted first; others are made when their rows are asked for. `table` is the text of the user's battery table."""
    environment = {"BESS_ROLLUPS": str(write(folder, year, market))}
    if table is not None:
        (folder / "batteries.csv").write_text(table, encoding="utf-8")
        environment["BESS_REGISTRY"] = str(folder / "batteries.csv")
    return Settled(load_settings(folder / "home", environment), year).settle(_leading_to(until))


def registry(folder: Path, year: int, market, *, table=None) -> tuple[dict[str, Row], list[Finding]]:
    """The registry's rows by battery, without writing it, and its findings."""
    rollups = write(folder, year, market)
    user = None
    if table is not None:
        user = folder / "batteries.csv"
        user.write_text(table, encoding="utf-8")
    result = bess_registry(Inputs(operating_year(year), RollupFolder(rollups), {}, user))
    found: dict[str, Row] = {}
    for columns in result.chunks:
        names = list(columns)
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(names, values, strict=True))
            found[row["battery"]] = row
    return found, result.findings.items


MAY = date(2022, 5, 10)
"""A combo day before ECRS."""
BEFORE, SEAM, AFTER = date(2025, 12, 4), date(2025, 12, 5), date(2025, 12, 6)


def may_market() -> Market:
    """One day of 2022: 8 MW sold day-ahead all day, 6 MW delivered, 1 MW charged, regulation up of 3 + 1 MW.

    The two sides may only overlap up to 1 MW: above it they would not pass for one battery.
    """
    return together(
        {
            "dam_gen_resources": dam(MAY, award_mw=8.0, regup_award_mw=3.0),
            "dam_load_resources": dam_load(MAY, regup_award_mw=1.0),
            "sced_gen_resources": telemetry(MAY, 6.0),
            "sced_load_resources": consumption(MAY, 1.0),
        },
        prices(MAY, 30.0, 40.0),
        clearing(MAY, REGUP=5.0, REGDN=3.0, RRS=7.0, NSPIN=2.0),
    )


def seam_market() -> Market:
    """The last combo day, the day of the seam and the first day of the day-ahead ESR file, of one renamed battery.

    12-04: A 8, D 6, C 1, G 3, L 1. 12-05: A and awards the same, Q -3, R 7. 12-06: A -4, award 5, Q 2, R 6. Prices 30 and 40 $/MWh; regulation up 5
    $/MW day-ahead and 4 in real time. What ERCOT's files hold beside that must not count: generation telemetry of 99 MW on 12-05, real-time clearing
    prices of 12-04.
    """
    products = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "ECRS": 6.0, "NSPIN": 2.0}
    rt_products = {"REGUP": 4.0, "REGDN": 1.0, "RRS": 1.0, "ECRS": 1.0, "NSPIN": 1.0}
    ecrs = {"ecrssd_award_mw": 0.0}
    return together(
        {
            "dam_gen_resources": [
                row for day in (BEFORE, SEAM) for row in dam(day, award_mw=8.0, regup_award_mw=3.0, **ecrs)
            ],
            "dam_load_resources": [row for day in (BEFORE, SEAM) for row in dam_load(day, regup_award_mw=1.0, **ecrs)],
            "dam_esr_resources": dam_esr(AFTER, award_mw=-4.0, regup_award_mw=5.0),
            "sced_gen_resources": [*telemetry(BEFORE, 6.0), *telemetry(SEAM, 99.0)],
            "sced_load_resources": [*consumption(BEFORE, 1.0), *consumption(SEAM, 0.5)],
            "sced_esr_resources": [
                *esr_telemetry(SEAM, -3.0, regup_award_mw=7.0),
                *esr_telemetry(AFTER, 2.0, regup_award_mw=6.0),
            ],
        },
        *(prices(day, 30.0, 40.0) for day in (BEFORE, SEAM, AFTER)),
        *(clearing(day, **products) for day in (BEFORE, SEAM, AFTER)),
        *(rt_clearing(day, **rt_products) for day in (SEAM, AFTER)),
        rt_clearing(BEFORE, [24], **rt_products),
    )
