"""Random markets of a few batteries and days: the money is that of the second settlement, its parts add up, and how rows lie in files says nothing."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.second_settlement.board import MONEY
from bess_assets.second_settlement.compare import handed_in
from bess_assets.second_settlement.settlement import settle as settle_again
from bess_assets.second_settlement.source import RollupFiles
from bess_assets_tests.long_form import result_rows
from bess_assets_tests.scenario import Row
from bess_assets_tests.settlement.small import Market, Settled, settle
from bess_assets_tests.worlds import differences, some

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEEDS = range(6)
BATTERIES, DAYS = 8, 6
_FIRST = ("2022-05-09", "2023-06-08", "2024-03-08", "2024-11-01", "2025-12-02", "2026-03-06")
FIRST_DAYS = [date.fromisoformat(day) for day in _FIRST]
"""Before ECRS, its first days, both clock changes, the days around RTC+B, spring under RTC+B."""
PRICE, MCPC = "price_usd_per_mwh", "mcpc_usd_per_mw"
RTC, DAM_ESR = date(2025, 12, 5), date(2025, 12, 6)
TABLES = {
    "energy_revenue": ["battery", "interval_start"], "as_revenue": ["battery", "product", "interval_start"],
    "daily_revenue": ["battery", "operating_day"], "leaderboard": ["battery"], "bess_registry": ["battery"],
}  # fmt: skip
ENERGY = ["da_usd", "rt_usd", "rt_metered_usd", "rt_da_offset_usd", "energy_usd"]
AS = ["award_mw", "da_usd", "rt_usd", "revenue_usd"]
TOTALS = ["energy_usd", "as_usd", "total_usd"]
DAILY = [column for column in MONEY if column not in TOTALS]
AWARDS = [f"{part}_award_mw" for part in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrssd", "nspin")]
RT_AWARDS = [name.replace("ecrssd", "ecrs") for name in AWARDS]


class _Draw:
    """A market drawn from a seed. Every value and every row may be missing."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.first = FIRST_DAYS[seed % len(FIRST_DAYS)]
        self.days = [self.first + timedelta(days=n) for n in range(DAYS)]
        self.holes = float(self.rng.choice([0.0, 0.02, 0.1]))
        self.names = [f"{wood}{n}" for n, wood in enumerate(["OAK", "ELM", "ASH", "FIR", "YEW", "BOX", "BAY", "FIG"])]
        self.nodes = {name: f"N{n // 2}_RN" for n, name in enumerate(self.names)}

    def _maybe(self, value: float) -> float | None:
        return None if self.rng.random() < self.holes else round(float(value), 3)

    def _kept(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if self.rng.random() >= self.holes / 2]

    def _hours(self, day: date) -> list[tuple[int, str]]:
        """Labels of the price files and the repeated-hour flag."""
        labels = [(hour, "N") for hour in range(1, 25)]
        if day in {date(2024, 3, 10), date(2026, 3, 8)}:
            labels.remove((3, "N"))
        if day == date(2024, 11, 3):
            labels.insert(2, (2, "Y"))
        return labels

    def _dam_hours(self, day: date) -> list[int]:
        """The 60-day reports number the 25 hours of autumn through."""
        labels = [hour for hour, _ in self._hours(day)]
        return list(range(1, 26)) if len(labels) == 25 else labels

    def _stamps(self, day: date) -> list[tuple[datetime, str]]:
        midnight = datetime(day.year, day.month, day.day)
        minutes = sorted(int(m) for m in self.rng.choice(24 * 60, 110, replace=False))
        stamps = [(midnight + timedelta(minutes=m, seconds=int(self.rng.integers(0, 59))), "N") for m in minutes]
        if len(self._hours(day)) == 23:
            stamps = [(stamp, flag) for stamp, flag in stamps if stamp.hour != 2]
        if len(self._hours(day)) == 25:
            stamps += [(stamp, "Y") for stamp, _ in stamps if stamp.hour == 1]
        return stamps

    def prices(self) -> Market:
        """Day-ahead and real-time prices of every node, and clearing prices."""
        made: Market = {"da_prices": [], "rt_prices": [], "as_prices": [], "rt_as_prices": []}
        for day in self.days:
            for hour, flag in self._hours(day):
                when = {"operating_day": day, "hour_ending": hour, "repeated_hour": flag}
                quarters = [{**when, "interval": n} for n in (1, 2, 3, 4)]
                for node in sorted(set(self.nodes.values())):
                    point = {"settlement_point": node}
                    made["da_prices"].append({**when, **point, PRICE: self._maybe(self.rng.normal(30, 40))})
                    point["settlement_point_type"] = "RN"
                    made["rt_prices"] += [{**q, **point, PRICE: self._maybe(self.rng.normal(30, 80))} for q in quarters]
                for product in PRODUCTS:
                    if product == "ecrs" and day < date(2023, 6, 10):
                        continue
                    label = {"product": product.upper()}
                    made["as_prices"].append({**when, **label, MCPC: self._maybe(self.rng.gamma(1, 8))})
                    if day >= RTC:
                        made["rt_as_prices"] += [
                            {**q, **label, MCPC: self._maybe(self.rng.gamma(1, 8))} for q in quarters
                        ]
        return {dataset: self._kept(rows) for dataset, rows in made.items() if rows}

    def _awards(self, names: list[str], most: float) -> Row:
        """Nothing, or up to so many MW, of each product."""
        return {name: self._maybe(self.rng.choice([0, 0, self.rng.uniform(0, most)])) for name in names}

    def fleet(self) -> Market:
        """What every battery was awarded and did."""
        made: Market = defaultdict(list)
        for day in self.days:
            stamps = self._stamps(day)
            for name in self.names:
                gen, load, esr = ({"resource_name": f"{name}_{side}1"} for side in ("BESS", "LD", "ESR"))
                for hour in self._dam_hours(day):
                    when = {"operating_day": day, "hour_ending": hour}
                    single = day >= DAM_ESR
                    mw = self._maybe(self.rng.choice([0, self.rng.uniform(-10 if single else 0, 10)]))
                    unit = {"settlement_point": self.nodes[name], "hsl_mw": 10.0, "award_mw": mw}
                    unit |= {"resource_type": "ESR" if single else "PWRSTR", **self._awards(AWARDS, 5)}
                    if single:
                        made["dam_esr_resources"].append({**when, **esr, **unit})
                        continue
                    made["dam_gen_resources"].append({**when, **gen, **unit})
                    of_load = {"max_power_mw": 10.0, **self._awards(AWARDS, 3)}
                    made["dam_load_resources"].append({**when, **load, **of_load})
                for stamp, flag in stamps:
                    when = {"sced_stamp": stamp, "repeated_hour": flag}
                    charging = self.rng.random() < 0.5
                    taken, given = (self.rng.uniform(2, 10), 0.0) if charging else (0.0, self.rng.uniform(2, 8))
                    if day >= RTC:
                        unit = {"resource_type": "ESR", "output_mw": self._maybe(given - taken), "hsl_mw": 10.0}
                        unit |= {"max_soc_mwh": 20.0, **self._awards(RT_AWARDS, 5)}
                        made["sced_esr_resources"].append({**when, **esr, **unit})
                        continue
                    unit = {"resource_type": "PWRSTR", "output_mw": self._maybe(given)}
                    made["sced_gen_resources"].append({**when, **gen, **unit})
                    of_load = {"max_power_mw": 10.0, "consumption_mw": self._maybe(taken)}
                    made["sced_load_resources"].append({**when, **load, **of_load})
        return {dataset: self._kept(rows) for dataset, rows in made.items()}


def _table(settled: Settled, name: str) -> pd.DataFrame:
    rows = result_rows(settled.results, name, settled.year).to_pandas()
    return rows.sort_values(TABLES[name], ignore_index=True)


def _settle(folder: Path, year: int, market: Market) -> Settled:
    return settle(folder, year, market, until="leaderboard")


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settled, Market, Path]:
    """A random market, settled."""
    draw = _Draw(request.param)
    folder = tmp_path_factory.mktemp("drawn")
    market = {**draw.prices(), **draw.fleet()}
    return _settle(folder, draw.first.year, market), market, folder


def test_every_quarter_hour_and_product_hour_is_worth_what_the_second_settlement_says(drawn):
    settled, _, folder = drawn
    batteries = handed_in(_table(settled, "bess_registry"))
    assert len(batteries) == BATTERIES
    second = settle_again(RollupFiles(folder / "rollups"), settled.year, batteries)
    ledger, hours = _table(settled, "energy_revenue"), _table(settled, "as_revenue")
    assert ledger["energy_usd"].notna().sum() > 1_000
    for expected, table, found, columns in (
        (second.quarter_hours, "energy_revenue", ledger[ledger["expected"]], ENERGY),
        (second.hours, "as_revenue", hours[hours["exists"]], AS),
        (second.daily, "daily_revenue", _table(settled, "daily_revenue"), MONEY),
    ):
        wrong = differences(expected, found, TABLES[table], columns)
        assert not wrong, some(wrong)


def test_parts_add_up_to_days_and_days_to_the_year(drawn: tuple[Settled, Market, Path]) -> None:
    settled, _, _ = drawn
    ledger, hours = _table(settled, "energy_revenue"), _table(settled, "as_revenue")
    days, board = _table(settled, "daily_revenue"), _table(settled, "leaderboard").set_index("battery")
    known = ledger["energy_usd"].notna()
    rt = ledger["rt_metered_usd"] + ledger["rt_da_offset_usd"]
    assert np.allclose(ledger["rt_usd"], rt, equal_nan=True)
    assert np.allclose(ledger["energy_usd"], ledger["da_usd"] + ledger["rt_usd"], equal_nan=True)
    by_day = ledger.assign(da_energy_usd=ledger["da_usd"].where(known), rt_energy_usd=ledger["rt_usd"].where(known))
    keys, legs = ["battery", "operating_day"], ["da_energy_usd", "rt_energy_usd"]
    sums = by_day[by_day["operating_day"].isin(days["operating_day"])].groupby(keys)[legs].sum(min_count=1)
    assert not differences(sums.reset_index(), days, keys, legs)
    for product in PRODUCTS:
        mine = hours[hours["product"] == product].groupby(keys)["revenue_usd"].sum(min_count=1)
        found = days.set_index(keys)[f"as_{product}_usd"]
        assert np.allclose(mine.loc[found.index], found, equal_nan=True)
    year = days.groupby("battery")[DAILY].sum(min_count=1).loc[board.index]
    assert np.allclose(year, board[DAILY].astype(float), rtol=1e-9, atol=1e-6, equal_nan=True)
    existing = [p for p in PRODUCTS if hours.loc[hours["product"] == p, "exists"].any()]
    parts = ["da_energy_usd", "rt_energy_usd", *(f"as_{product}_usd" for product in existing)]
    total = board[parts].sum(axis=1, skipna=False)
    assert np.allclose(total, board["total_usd"].astype(float), equal_nan=True)


def _rewritten(settled: Settled, folder: Path, source: Path, seed: int, *, twice: bool) -> Settled:
    """The same rows in another order and in other row groups, some of them twice."""
    rng = np.random.default_rng(seed)
    for path in sorted((source / "rollups").rglob("*.parquet")):
        table = pq.read_table(path)
        rows = np.arange(table.num_rows)
        rows = rng.permutation(np.r_[rows, rng.choice(rows, len(rows) // 3)] if twice else rows)
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.take(pa.array(rows)), target, row_group_size=int(rng.integers(50, 5_000)))
    return _settle(folder, settled.year, {})


def _assert_same_money(settled: Settled, other: Settled, times: float = 1.0) -> None:
    money = {"energy_revenue": ENERGY, "as_revenue": AS[1:], "daily_revenue": MONEY, "leaderboard": MONEY}
    for name, columns in money.items():
        have, want = _table(other, name), _table(settled, name)
        assert have[TABLES[name]].equals(want[TABLES[name]])
        have, want = have[columns].astype(float), times * want[columns].astype(float)
        assert np.allclose(have, want, rtol=1e-9, atol=1e-7, equal_nan=True), name


@pytest.mark.parametrize("twice", [False, True], ids=["shuffled", "some rows twice"])
def test_the_order_of_rows_their_row_groups_and_rows_written_twice_change_nothing(drawn, tmp_path, twice):
    settled, _, folder = drawn
    _assert_same_money(settled, _rewritten(settled, tmp_path, folder, settled.year, twice=twice))


def test_doubled_prices_double_every_dollar(drawn: tuple[Settled, Market, Path], tmp_path: Path) -> None:
    settled, market, _ = drawn

    def twice(row: Row) -> Row:
        return row | {name: 2 * row[name] for name in (PRICE, MCPC) if row.get(name)}

    doubled = {dataset: [twice(row) for row in rows] for dataset, rows in market.items()}
    _assert_same_money(settled, _settle(tmp_path, settled.year, doubled), times=2.0)
