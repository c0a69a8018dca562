"""Revenue attribution: planted differences fall under their own terms, and terms add up, by hand, at random, and in simulated years."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.checks.attribution import SUMMED
from bess_assets.checks.check import Judged
from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.step import StepResult
from bess_assets.settings import load_settings
from bess_assets.settlement.attribution import FACTORS, HOURS, TERMS, Hours, exchanged, spreads_by_duration, widening
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.made_home import write_rows
from bess_assets_tests.scenario import Row, run
from bess_assets_tests.settlement.small import (
    ESR_AWARDS,
    RT_AWARDS,
    Market,
    Settled,
    clearing,
    dam_esr,
    days,
    rt_clearing,
    settle,
    together,
)

CENT = 0.01
NODE, FAR = "OAK_RN", "ELM_RN"
DAYS = days(datetime(2026, 1, 1).date(), 40)
OUT_FROM = DAYS[9]
"""Out for 31 days from then on."""
USD = dict.fromkeys(range(1, 25), 35.0) | dict(zip(range(1, 7), (10, 12, 14, 16, 18, 20), strict=True))
USD |= dict(zip(range(17, 23), (60, 90, 150, 140, 100, 70), strict=True))
ALIKE = {"OAK": 2, "PINE": 2, "FIR": 2, "YEW": 6, "ASH": 6, "BOX": 6}
"""Batteries of 10 MW and so many hours, alike in all else."""
PLANTED = {"MOVED": ("location_usd", 2), "OUT": ("availability_usd", 2), "HELD": ("as_mix_usd", 2), "HALF": ("duration_usd", 3)}  # fmt: skip
"""Batteries that differ from those in one thing: the term of it, and their hours."""


def flow_mw(hours: int) -> dict[int, float]:
    """Full power in the hours of highest prices, and charging in those of lowest."""
    order = sorted(USD, key=lambda hour: USD[hour])
    return dict.fromkeys(USD, 0.0) | dict.fromkeys(order[:hours], -10.0) | dict.fromkeys(order[-hours:], 10.0)


def battery(name: str, hours: int) -> Market:
    """Half of its discharge is sold a day ahead; a fifth of its MW is held for regulation."""
    unit, node = f"{name}_ESR1", FAR if name == "MOVED" else NODE
    flow = dict.fromkeys(USD, 0.0) if name == "HELD" else flow_mw(hours)
    regulation = 10.0 if name == "HELD" else 2.0
    day_ahead, telemetry = list[Row](), list[Row]()
    for day in DAYS:
        out = name == "OUT" and day >= OUT_FROM
        held = 0.0 if out else regulation
        awards = {hour: 0.0 if out else max(mw, 0.0) / 2 for hour, mw in flow.items()}
        limits = {"hsl_mw": 0.0 if out else 10.0, "settlement_point": node}
        day_ahead += dam_esr(day, unit, award_mw=awards, **{**ESR_AWARDS, "regup_award_mw": held}, **limits)
        for hour, mw in flow.items():
            begin = datetime.combine(day, time(hour - 1))
            told = {"resource_type": "ESR", "output_mw": 0.0 if out else mw, "max_soc_mwh": 10.0 * hours}
            told |= {**RT_AWARDS, "regup_award_mw": held}
            telemetry += [run(begin + timedelta(seconds=s), unit, **told) for s in (*range(0, 3600, 600), 3599)]
    return {"dam_esr_resources": day_ahead, "sced_esr_resources": telemetry}


def prices() -> Market:
    """Day-ahead prices a tenth above those of real time; the far node half as high again at the peak."""
    da, rt = list[Row](), list[Row]()
    for node, peak in ((NODE, 1.0), (FAR, 1.5)):
        for day in DAYS:
            for hour, usd in USD.items():
                label = {"operating_day": day, "hour_ending": hour, "repeated_hour": "N", "settlement_point": node}
                own = usd * (peak if usd > 50 else 1.0)
                da.append(label | {"price_usd_per_mwh": 1.1 * own})
                each = label | {"settlement_point_type": "RN", "price_usd_per_mwh": own}
                rt += [each | {"interval": interval} for interval in (1, 2, 3, 4)]
    products = {"REGUP": 6.0, "REGDN": 3.0, "RRS": 7.0, "ECRS": 6.0, "NSPIN": 2.0}
    services = (market for day in DAYS for market in (clearing(day, **products), rt_clearing(day, **products)))
    return together({"da_prices": da, "rt_prices": rt}, *services)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Two classes of three batteries that are alike, and one battery for each thing in which it may differ."""
    hours = ALIKE | {name: own for name, (_, own) in PLANTED.items()}
    sizes = "".join(f"{name}_1,10,{10 * own}\n" for name, own in hours.items())
    market = together(prices(), *(battery(name, own) for name, own in hours.items()))
    folder = tmp_path_factory.mktemp("planted")
    return settle(folder, 2026, market, table=f"battery,capacity_mw,energy_mwh\n{sizes}", until="attribution")


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("period", ["month", "year"])
def test_a_planted_difference_is_under_its_own_term(planted: Settled, name: str, period: str) -> None:
    row = planted.row("attribution", battery=f"{name}_1", period=period)
    assert {*row["median_batteries"].split("; ")} <= {f"{alike}_1" for alike in ALIKE}
    assert abs(row["difference_usd"]) > 1_000
    term = PLANTED[name][0]
    assert row[term] / row["difference_usd"] >= 0.95
    assert sum(abs(row[other]) for other in TERMS if other != term) <= 0.05 * abs(row["difference_usd"])


def test_batteries_that_are_alike_differ_in_nothing(planted: Settled) -> None:
    for name in ALIKE:
        for row in planted.rows("attribution", battery=f"{name}_1"):
            assert [row[term] for term in ("difference_usd", *TERMS)] == pytest.approx([0.0] * 9, abs=CENT)


def test_hours_of_an_outage_are_counted_as_such(planted: Settled) -> None:
    year = planted.row("attribution", battery="OUT_1", period="year")
    assert [year[name] for name in HOURS] == [9 * 24, 31 * 24, 0]
    (month,) = planted.rows("attribution", battery="OUT_1", period="month")  # February has nine days
    assert [month[name] for name in HOURS] == [9 * 24, 22 * 24, 0]


def test_every_battery_month_and_year_adds_up_to_the_cent(worlds: Worlds) -> None:
    for year in worlds.late.plan.years:
        table = worlds.late.table("attribution", year)
        assert len(table)
        assert ((table["difference_usd"] - table[[*TERMS]].sum(axis=1)).abs() < CENT).all()
        assert ((table["total_usd"] - table["median_usd"] - table["difference_usd"]).abs() < CENT).all()
        board = worlds.late.table("leaderboard", year).set_index("battery")
        own = table[table["period"] == "year"].set_index("battery")
        known = board["usd_per_kw_month"].notna() & board["class_median_usd_per_kw_month"].notna()
        assert set(own.index) == set(board.index[known])
        ahead = (board["usd_per_kw_month"] - board["class_median_usd_per_kw_month"])[own.index]
        assert (np.sign(own["difference_usd"].round(2)) == np.sign(ahead.round(9))).all()


def test_a_year_without_a_known_duration_has_no_rows(worlds: Worlds) -> None:
    assert worlds.wild.table("leaderboard", 2023)["class_median_usd_per_kw_month"].isna().all()
    assert worlds.wild.table("attribution", 2023).empty


def test_a_battery_may_have_a_year_alone_and_terms_of_huge_sums_add_up_but_for_their_last_digits(
    tmp_path: Path,
) -> None:
    january = date(2025, 1, 1)
    periods = [
        ("ASH", "year", january),
        ("BOX", "month", january),
        ("BOX", "year", january),
        ("YEW", "year", january),
    ]
    known = {c.name: 0.0 for c in TABLES["attribution"].columns if c.kind == "number"}
    known |= {"duration_class": "2 h", "median_batteries": "ASH", "as_mix_usd": 1e-6}
    rows = [{"battery": name, "period": period, "first_day": day, **known} for name, period, day in periods]
    settings = load_settings(tmp_path, {})
    write_rows(settings, 2025, "attribution", rows)
    assert pq.read_table(settings.results / "attribution" / "2025.parquet").num_rows == len(rows)


def test_the_check_holds_the_terms_against_the_board(planted: Settled) -> None:
    (check,) = (c for c in planted.entries["attribution"]["checks"] if c["name"] == SUMMED.name)
    assert check["passed"]
    assert check["numbers"]["periods"] == 2 * len({*ALIKE, *PLANTED})


@pytest.mark.parametrize(("off_usd", "passes"), [(0.0, True), (5.0, False)])
@pytest.mark.parametrize("earned", [True, False], ids=["earned", "earned nothing"])
def test_terms_that_do_not_add_up_are_named_of_a_battery_that_earned_nothing_too(
    planted: Settled, tmp_path: Path, off_usd: float, passes: bool, earned: bool
) -> None:
    shutil.copytree(planted.settings.home, tmp_path / "home")
    settings = replace(planted.settings, home=tmp_path / "home", results=tmp_path / "home" / "results")

    def change(table: str, values: Callable[[Row], Row]) -> None:
        path = settings.results / table / "2026.parquet"
        rows = pq.read_table(path)
        changed = [row | values(row) if row["battery"] == "MOVED_1" else row for row in rows.to_pylist()]
        pq.write_table(pa.Table.from_pylist(changed, schema=rows.schema), path)

    if not earned:
        for board in ("leaderboard", "leaderboard_monthly"):
            change(board, lambda _: {"total_usd": 0.0, "usd_per_kw_month": 0.0})
        change("attribution", lambda row: {"total_usd": 0.0, "timing_usd": row["timing_usd"] - row["total_usd"]})
    change("attribution", lambda row: {"timing_usd": row["timing_usd"] + off_usd})
    verdict = SUMMED.verdict(Judged(settings, 2026, TABLES["attribution"], 0, StepResult(iter(()))))
    assert verdict.passed == passes
    assert ("MOVED_1, the year: 5.00 $ off" in verdict.detail) != passes
    change("attribution", lambda _: {"battery": "ANOTHER"})
    verdict = SUMMED.verdict(Judged(settings, 2026, TABLES["attribution"], 0, StepResult(iter(()))))
    assert "MOVED_1, the year: no row" in verdict.detail


# --- by hand --------------------------------------------------------------------------------------------------------------------------------


def an_hour(mwh: float = 0.0, award: float = 0.0, services: float = 0.0, held: float = 0.0, **of: float) -> Hours:
    """One hour of a battery of 1 MW: MWh that flow evenly, at 40 $/MWh in real time and 50 day-ahead unless other prices are given."""
    rt, da = of.get("rt", 40.0), of.get("da", 50.0)
    usd = mwh * rt + award * (da - rt) + services
    numbers = ([[mwh / 4]] * 4, [[rt]] * 4, [award], [da], [services], [usd], [held])
    flags = (np.array([bool(of.get(name, default))]) for name, default in (("out", 0), ("active", 1)))
    return Hours(*(np.array(values, dtype=float) for values in numbers), *flags)


def in_a_row(hours: Iterable[Hours]) -> Hours:
    """Hours one after the other."""
    whole = [*hours]
    return Hours(*(np.concatenate([getattr(one, of.name) for one in whole], axis=-1) for of in fields(Hours)))


def terms(own: Hours, reference: Hours, wider: float = 1.0, **more: object) -> dict[str, float]:
    """The terms that are not zero."""
    found = exchanged(own, reference, np.full(len(own.held), wider), **more)  # type: ignore[arg-type]
    return {name: found[name] for name in TERMS if abs(found[name]) > 1e-9}


def test_each_factor_by_hand() -> None:
    reference = an_hour(mwh=0.5, award=0.2)
    assert terms(an_hour(mwh=0.5, award=0.2, rt=60, da=50), reference) == pytest.approx({"location_usd": 10 - 4})
    assert terms(an_hour(mwh=0.5, award=0.5), reference) == pytest.approx({"da_rt_usd": 0.3 * 10})
    assert terms(an_hour(mwh=0.7, award=0.2), reference) == pytest.approx({"timing_usd": 0.2 * 40})
    # half of the MW is held: half of what the reference earns by energy is not to be had
    half = an_hour(mwh=0.25, award=0.1, services=9.0, held=0.5)
    assert terms(half, reference) == pytest.approx({"as_mix_usd": 9 - 22 / 2})
    assert terms(reference, half) == pytest.approx({"as_mix_usd": 22 / 2 - 9})
    assert terms(an_hour(mwh=0.4, award=0.16), reference, 0.8) == pytest.approx({"duration_usd": -22 * 0.2})
    assert terms(reference, an_hour(mwh=0.4, award=0.16), 1.25) == pytest.approx({"duration_usd": 22 * 0.2})


def test_an_hour_in_which_one_is_out_is_availability_whatever_else_differs() -> None:
    out = an_hour(out=True, held=0.3, rt=70)
    assert terms(out, an_hour(mwh=0.5, award=0.2)) == pytest.approx({"availability_usd": -22})


def test_what_is_unknown_of_one_is_left_out_and_shown() -> None:
    # of two services one is known, 5 $: the whole hour is left out
    unknown = replace(an_hour(mwh=0.5), as_usd=np.array([np.nan]), counted_usd=np.array([25.0]))
    found = exchanged(unknown, an_hour(mwh=1.0), np.ones(1))
    assert (found["unknown_usd"], found["unknown_hours"]) == (25 - 40, 1)
    assert sum(found[name] for name in TERMS) == 25 - 40
    # of four quarter-hours three are known, in which the reference earns 30 $; half of it is not to be had
    flows = np.array([[np.nan], [0.125], [0.125], [0.125]])
    part = replace(an_hour(services=9.0, held=0.5), flow_mwh=flows, counted_usd=np.array([24.0]))
    found = exchanged(part, an_hour(mwh=1.0), np.ones(1))
    assert (found["unknown_usd"], found["unknown_hours"]) == (-10, 0.25)
    assert (found["as_mix_usd"], found["timing_usd"]) == (9 - 15, 0)


def test_days_on_which_one_alone_is_active_are_a_term_of_their_own() -> None:
    both = [an_hour(mwh=usd / 40) for usd in (10.0, 30.0)]
    reference = in_a_row(both)
    own = replace(reference, active=np.array([False, True]), counted_usd=np.array([0.0, 30.0]))
    # a reference's day is worth 20 on the mean, and the one that both have 30
    assert terms(own, reference, active_days=0.5) == pytest.approx({"active_days_usd": 30 - 20})


def test_spreads_of_a_duration_are_those_of_so_many_quarter_hours() -> None:
    year = operating_year(2024)
    prices = np.tile([40.0] * 8 + [10.0] * 4 + [20.0] * 4 + [80.0] * 4 + [100.0] * 4, year.quarter_hours // 24 + 1)
    spreads = spreads_by_duration(year, prices[: year.quarter_hours])
    assert spreads[0, [0, 3, 7]].tolist() == [90 / 4, 90, 180]
    assert widening(spreads, 1.0, 4.0)[0] == pytest.approx(90 / spreads[0, 15])
    assert widening(spreads, 2.0, 2.1)[0] == 1
    assert (widening(np.full((3, 44), np.nan), 1.0, 2.0) == 1).all()


def test_a_spread_that_is_not_above_zero_scales_nothing_and_the_shortest_duration_is_a_quarter_hour() -> None:
    spreads = np.array([[0.0, 4.0], [0.5, 2.0], [0.25, 0.5], [2.0, 0.0]])
    for shortest in (0.25, 0.1):
        assert widening(spreads, shortest, 0.5).tolist() == [1, 0.25, 0.5, 1]


def drawn(count: int) -> st.SearchStrategy[Hours]:
    """Hours at random, some of them unknown."""

    def number(least: float, most: float, *, unknown: bool = True) -> st.SearchStrategy[float]:
        return st.floats(least, most) | st.just(np.nan) if unknown else st.floats(least, most)

    def of(hours: list[tuple[float, ...]]) -> Hours:
        made = [
            replace(
                an_hour(mwh, award, services, held, rt=rt, da=da, out=out, active=active),
                counted_usd=np.array([np.nan_to_num(mwh * rt + award * (da - rt)) + np.nan_to_num(services)]),
            )
            for mwh, award, services, held, rt, da, out, active in hours
        ]
        return in_a_row(made)

    one = st.tuples(number(-1, 1), number(-1, 1), number(-9, 99), number(0, 1, unknown=False), number(-250, 5000), number(-250, 5000), st.booleans(), st.booleans())  # fmt: skip
    return st.lists(one, min_size=count, max_size=count).map(of)


@given(drawn(4), drawn(4), st.floats(0.2, 5.0), st.floats(0.1, 10.0), st.permutations(FACTORS))
def test_terms_add_up_in_every_order(
    own: Hours, reference: Hours, wider: float, ratio: float, order: list[str]
) -> None:
    found = exchanged(own, reference, np.full(4, wider), ratio, order)
    difference = own.counted_usd.sum() - ratio * reference.counted_usd.sum()
    assert sum(found[name] for name in TERMS) == pytest.approx(difference, abs=1e-6)


@given(drawn(4), drawn(4), st.floats(0.2, 5.0))
def test_at_one_node_the_terms_of_the_other_battery_are_the_same_with_the_other_sign(
    own: Hours, reference: Hours, wider: float
) -> None:
    reference = replace(reference, rt_price=own.rt_price, da_price=own.da_price)
    one, other = exchanged(own, reference, np.full(4, wider)), exchanged(reference, own, np.full(4, 1 / wider))
    assert _terms(one) == pytest.approx({name: -usd for name, usd in _terms(other).items()}, abs=1e-6)


def _terms(found: Mapping[str, float]) -> dict[str, float]:
    return {name: found[name] for name in TERMS}
