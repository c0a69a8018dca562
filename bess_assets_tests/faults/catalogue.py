"""Every fault: what is done to the inputs, what must come of it, and where it must be seen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets_tests.faults.planting import Outcome, Plot
from bess_assets_tests.faults.sheets import Edit, Mask, Sheet

Plant = Callable[[Plot], None]

ERROR: Outcome = "error"
CHECK: Outcome = "a cause"
MARKED: Outcome = "marked"
UNSEEN: Outcome = "cannot be seen"
NOTHING: Outcome = "no figure changes"

JUNE = (date(2025, 6, 1), date(2025, 6, 30))
LATE = (date(2025, 12, 16), date(2025, 12, 31))
SPRING, JULY, AUTUMN = date(2025, 3, 9), date(2025, 7, 18), date(2025, 11, 2)
KILO = 1_000.0


@dataclass(frozen=True)
class Fault:
    """One fault: what is wrong, what is done to otherwise right inputs, and what must come of it."""

    name: str
    done: str
    plant: Plant
    outcome: Outcome
    seen: tuple[tuple[str, str], ...] = ()  # place and words, each of which must be among the signs
    size: str = ""  # how far it moves the figures, where it can't be seen
    fast: bool = False  # it belongs to the tests that always run


def edit(dataset: str, change: Edit) -> Plant:
    """The same change in every file of a dataset."""
    return lambda plot: plot.rollups.edit(dataset, change)


def _june(sheet: Sheet) -> Mask:
    return sheet.on(*JUNE)


def _wall_clock_later(sheet: Sheet) -> Sheet:
    """Hour labels one later, as they read after a wrong conversion of time zones; hour 24 becomes hour 1 of the next day."""
    hours = np.array([int(str(hour)[:2]) for hour in sheet.values("hour_ending")]) + 1
    days = sheet.days()
    over = hours > 24
    days = np.where(over, days + 1, days)
    hours = np.where(over, 1, hours)
    kind = sheet.table.schema.field(sheet.heading("hour_ending")).type
    labels = [f"{hour:02d}:00" for hour in hours] if pa.types.is_string(kind) else hours
    return sheet.put("hour_ending", labels).put("operating_day", days.astype("datetime64[D]"))


def _stamps_later(sheet: Sheet) -> Sheet:
    stamps = np.array(
        [f"{text[6:10]}-{text[:2]}-{text[3:5]}T{text[11:]}" for text in sheet.values("sced_stamp")], "datetime64[s]"
    ) + np.timedelta64(1, "h")
    return sheet.put("sced_stamp", [f"{t[5:7]}/{t[8:10]}/{t[:4]} {t[11:]}" for t in stamps.astype(str)])


def _labels_from_zero(sheet: Sheet) -> Sheet:
    return sheet.change("hour_ending", sheet.on(date.min + timedelta(days=1), date(2100, 1, 1)), lambda old: old - 1)


def _day_later(sheet: Sheet) -> Sheet:
    return sheet.put("operating_day", sheet.days() + 1)


def of_battery(place: int, column: str, dataset: str, change: Callable[[Sheet, Mask], Sheet]) -> Plant:
    """A change in the rows of one battery's resource, or of its node."""

    def plant(plot: Plot) -> None:
        name = plot.battery(place)[column]
        plot.rollups.edit(dataset, lambda sheet: change(sheet, sheet.of(name)))

    return plant


def swap(dataset: str, column: str, name: str, one: int, other: int) -> Plant:
    """Two batteries' names exchanged in a column of a dataset."""

    def plant(plot: Plot) -> None:
        first, second = plot.battery(one)[column], plot.battery(other)[column]
        plot.rollups.edit(dataset, lambda sheet: sheet.swap_values(name, first, second))

    return plant


def together(*planted: Plant) -> Plant:
    """What belongs to one fault, in several datasets."""

    def plant(plot: Plot) -> None:
        for one in planted:
            one(plot)

    return plant


def _in_place_of(dataset: str, other: str, place: int = 0) -> Plant:
    """A file of another dataset under the right name."""

    def plant(plot: Plot) -> None:
        (source, path) = (plot.rollups.paths(other)[place], plot.rollups.paths(dataset)[place])
        plot.rollups.write(dataset, path, source.read_bytes())

    return plant


def _bytes(dataset: str, change: Callable[[bytes], bytes]) -> Plant:
    def plant(plot: Plot) -> None:
        path = plot.rollups.paths(dataset)[0]
        plot.rollups.write(dataset, path, change(path.read_bytes()))

    return plant


def _overwritten(content: bytes) -> bytes:
    """A tenth of the file in its middle overwritten: the footer is whole."""
    start, length = len(content) // 2, len(content) // 10
    return content[:start] + b"\xa5" * length + content[start + length :]


def _replaced_while_read(plot: Plot) -> None:
    path = plot.rollups.paths("sced_gen_resources")[0]

    def replace() -> None:
        sheet = Sheet("sced_gen_resources", pq.read_table(path)).scale("output_mw", 0.5)
        plot.rollups.replace("sced_gen_resources", path, lambda to: pq.write_table(sheet.table, to))

    plot.rollups.edit("sced_gen_resources", lambda sheet: sheet)
    plot.when_reading("bess_dispatch", replace)


def _cut_while_read(plot: Plot) -> None:
    path = plot.rollups.paths("sced_gen_resources")[0]

    def cut() -> None:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)

    plot.rollups.edit("sced_gen_resources", lambda sheet: sheet)
    plot.when_reading("bess_dispatch", cut)


def _no_such_year(plot: Plot) -> None:
    plot.year = 2024


def _user(place: int, **cells: tuple[int, str]) -> Plant:
    """The user's table gives a battery what is another's."""

    def plant(plot: Plot) -> None:
        own = plot.battery(place)
        row = {"battery": own["battery"], "gen_resource": own["gen_resource"]}
        row |= {column: plot.battery(other)[name] for column, (other, name) in cells.items()}
        plot.user_table(row)

    return plant


RT, DA, AS, RTAS = "rt_prices", "da_prices", "as_prices", "rt_as_prices"
GEN, LOAD, ESR = "dam_gen_resources", "dam_load_resources", "dam_esr_resources"
SGEN, SLOAD, SESR, SMNE = "sced_gen_resources", "sced_load_resources", "sced_esr_resources", "sced_smne"
PRICE, MCPC = "price_usd_per_mwh", "mcpc_usd_per_mw"


def scaled(dataset: str, name: str, factor: float) -> Plant:
    """A column multiplied in every file of a dataset."""
    return edit(dataset, lambda sheet: sheet.scale(name, factor))


def _all_in_kw(sheet: Sheet) -> Sheet:
    for name in sheet.numbers():
        if name.endswith("_mw"):
            sheet = sheet.scale(name, KILO)
    return sheet


def _no_rows(sheet: Sheet) -> Sheet:
    return sheet.keep(np.zeros(sheet.table.num_rows, dtype=bool))


def _numbers_with(name: str, value: float) -> Edit:
    """A number that is none in a column, through June."""
    return lambda sheet: sheet.put_as_they_are(name, np.where(_june(sheet), value, sheet.values(name)))


def _hours(sheet: Sheet) -> np.ndarray:
    return np.array([int(str(hour)[:2]) for hour in sheet.values("hour_ending")])


def _runs(sheet: Sheet) -> np.ndarray:
    """The number of each row's run."""
    return np.asarray(np.unique(sheet.values("sced_stamp").astype(str), return_inverse=True)[1])


def _august_is_july(sheet: Sheet) -> Sheet:
    july = sheet.keep(sheet.on(date(2025, 7, 1), date(2025, 7, 31)))
    days = (july.days() + 31).astype("datetime64[D]")
    return sheet.drop(sheet.on(date(2025, 8, 1), date(2025, 8, 31))).add(july.put("operating_day", days))


def _stand_in_even_hours(sheet: Sheet) -> Sheet:
    values, hours = sheet.values(PRICE).copy(), _hours(sheet)
    in_time = np.lexsort((sheet.values("interval").astype(int), hours, sheet.days()))
    names = np.char.add(sheet.values("settlement_point").astype(str), sheet.values("settlement_point_type").astype(str))
    for name in np.unique(names):
        rows = in_time[names[in_time] == name]
        last = np.maximum.accumulate(np.where(hours[rows] % 2 == 0, 0, np.arange(len(rows))))
        values[rows] = values[rows[last]]
    return sheet.put(PRICE, values)


def _repeated_hour(sheet: Sheet) -> Mask:
    return sheet.on(AUTUMN) & sheet.where("repeated_hour", "Y")


def _as_text(name: str, write: Callable[[float], str]) -> Edit:
    return lambda sheet: sheet.put(
        name, ["" if np.isnan(value) else write(value) for value in sheet.values(name)], pa.string()
    )


def _without_next(*datasets: str) -> Plant:
    """The files of the next year, which hold November and December of the 60-day data, are not there."""

    def plant(plot: Plot) -> None:
        for dataset in datasets:
            plot.rollups.remove(dataset, plot.rollups.paths(dataset)[-1])

    return plant


def _first_again(dataset: str) -> Plant:
    """The file of the year once more under the next year's name."""

    def plant(plot: Plot) -> None:
        own, later = plot.rollups.paths(dataset)
        plot.rollups.write(dataset, later, own.read_bytes())

    return plant


def _last_of(dataset: str, other: str) -> Plant:
    """The later file of another dataset under the right name."""

    def plant(plot: Plot) -> None:
        plot.rollups.write(dataset, plot.rollups.paths(dataset)[-1], plot.rollups.paths(other)[-1].read_bytes())

    return plant


def _spring_hour_added(sheet: Sheet) -> Sheet:
    second = sheet.keep(sheet.on(SPRING) & sheet.where("hour_ending", 2))
    return sheet.add(second.put("hour_ending", [3] * second.table.num_rows))


def _four_equal(sheet: Sheet) -> Sheet:
    """Each quarter-hour's price is that of its hour's first."""
    first = sheet.keep(sheet.where("interval", 1))
    keys = ("operating_day", "hour_ending", "repeated_hour", "settlement_point", "settlement_point_type")
    prices = dict(zip(zip(*(first.values(key) for key in keys), strict=True), first.values(PRICE), strict=True))
    return sheet.put(PRICE, [prices[key] for key in zip(*(sheet.values(key) for key in keys), strict=True)])


FINDING = "no_figure_is_affected_by_a_finding of"
"""The check that fails where a step has found something in its inputs."""

_COVERAGE = ("energy_coverage", "falls")
_AS_COVERAGE = ("as_coverage", "falls")
_COLUMNS = "columns_are_those_that_ercot_published of rollup_schemas"
_LIMITS = "energy_awards_lie_within_the_limits_of_their_resource of bess_awards"
_AS_LIMITS = "ancillary_awards_fit_between_the_limits_of_their_resource of bess_awards"
_LOAD_LIMITS = "load_side_awards_fit_the_power_of_their_resource of bess_awards"
_ROWS = "batteries_have_day_ahead_rows_throughout of bess_awards"
_STATED = "day_ahead_files_state_the_published_settlement_prices of dam_awards_daily"
_SIZE = "flows_and_real_time_awards_fit_the_size_of_their_battery of bess_dispatch"
_METERED = "metering_and_telemetry_agree of bess_dispatch"
_FOLLOWED = "what_was_sold_a_day_ahead_shows_in_what_flowed of energy_revenue"
_STILL = "no_price_stands_still_for_a_day of price_daily"
_AGREE = "cause"  # of the comparisons, of which some fail without a fault too
_SOMEBODY = "somebody_discharges_on_every_day of rt_dispatch_daily"
_QUARTERS = "real_time_prices_move_within_the_hour of bess_prices"
_PRICED = "every_node_is_priced_in_almost_all_intervals of daily_revenue"

FAULTS: tuple[Fault, ...] = (
    # --- nothing wrong: what must not disturb anything
    Fault(
        "a file written again", "SCED_Gen_Resources written again by another program", edit(SGEN, lambda s: s), NOTHING
    ),
    Fault(
        "prices in single precision",
        "RT_prices with 32-bit floats",
        edit(RT, lambda s: s.put(PRICE, s.values(PRICE), pa.float32())),
        NOTHING,
        fast=True,
    ),
    Fault("numbers as text", "awards of DAM_Gen_Resources as text", edit(GEN, _as_text("award_mw", str)), NOTHING),
    Fault("duplicate rows", "June of SCED_Gen_Resources twice", edit(SGEN, lambda s: s.add(s.keep(_june(s)))), NOTHING),
    Fault(
        "repeated hour without its flag",
        "DSTFlag N all day in RT_prices, rows in order",
        edit(RT, lambda s: s.change("repeated_hour", _repeated_hour(s), "N")),
        NOTHING,
    ),
    # --- dates and hours
    Fault(
        "a year of null dates",
        "DeliveryDate of DAM_Gen_Resources null in every row",
        edit(GEN, lambda s: s.put("operating_day", [None] * s.table.num_rows)),
        ERROR,
        (("error", "Delivery Date"),),
        fast=True,
    ),
    Fault(
        "a year of prices with null dates",
        "DeliveryDate of RT_prices null in every row",
        edit(RT, lambda s: s.put("operating_day", [None] * s.table.num_rows)),
        ERROR,
        (("error", "RT_prices"),),
    ),
    Fault(
        "a month of null dates",
        "DeliveryDate of RT_prices null in June",
        edit(RT, lambda s: s.put("operating_day", np.where(_june(s), np.datetime64("NaT"), s.days()))),
        CHECK,
        ((f"{FINDING} bess_prices", "unusable_time rt_prices"), _COVERAGE),
    ),
    Fault(
        "dates with the day first",
        "DD/MM/YYYY in DAM_Gen_Resources",
        edit(GEN, lambda s: s.put("operating_day", [f"{day.item():%d/%m/%Y}" for day in s.days()], pa.string())),
        ERROR,
        (("error", "13/01/2025"),),
    ),
    Fault(
        "hours labelled 0 to 23",
        "HourEnding of DAM_Gen_Resources one less",
        edit(GEN, _labels_from_zero),
        ERROR,
        (("error", "not 0 to 23"),),
    ),
    Fault(
        "hours of prices labelled 0 to 23",
        "DeliveryHour of RT_prices one less",
        edit(RT, _labels_from_zero),
        ERROR,
        (("error", "not 0 to 23"),),
    ),
    Fault(
        "real-time prices an hour off",
        "RT_prices an hour later on the clock",
        edit(RT, _wall_clock_later),
        ERROR,
        (("error", "which does not exist"),),
    ),
    Fault(
        "day-ahead prices an hour off",
        "DA_prices an hour later on the clock",
        edit(DA, _wall_clock_later),
        ERROR,
        (("error", "which does not exist"),),
    ),
    Fault(
        "clearing prices an hour off",
        "AS_prices an hour later on the clock",
        edit(AS, _wall_clock_later),
        ERROR,
        (("error", "which does not exist"),),
    ),
    Fault(
        "awards an hour off",
        "DAM_Gen_Resources an hour later on the clock",
        edit(GEN, _wall_clock_later),
        ERROR,
        (("error", "which does not exist"),),
    ),
    Fault(
        "telemetry an hour off",
        "stamps of SCED_Gen_Resources an hour later",
        edit(SGEN, _stamps_later),
        ERROR,
        (("error", "which does not exist"),),
    ),
    Fault(
        "prices a day off",
        "RT_prices a day later",
        edit(RT, _day_later),
        ERROR,
        (("error", "a day off"),),
    ),
    Fault(
        "awards a day off",
        "DAM_Gen_Resources a day later",
        edit(GEN, _day_later),
        ERROR,
        (("error", "a day off"),),
    ),
    Fault(
        "repeated hour dropped from prices",
        "second 01:00 hour of 2 November missing in RT_prices",
        edit(RT, lambda s: s.drop(_repeated_hour(s))),
        MARKED,
        (_COVERAGE, ("notes", "unpriced")),
    ),
    Fault(
        "25th hour dropped from awards",
        "hour 25 of 2 November missing in DAM_Gen_Resources",
        edit(GEN, lambda s: s.drop(s.on(AUTUMN) & s.where("hour_ending", 25))),
        CHECK,
        ((_STATED, "differ"), _COVERAGE),
    ),
    Fault(
        "repeated hour doubled",
        "second 01:00 hour of RT_prices once more, as the first",
        edit(RT, lambda s: s.add(s.keep(_repeated_hour(s)).put("repeated_hour", ["N"] * int(_repeated_hour(s).sum())))),
        CHECK,
        ((f"{FINDING} bess_prices", "contradicting_rows rt_prices"),),
    ),
    Fault(
        "an hour that spring does not have",
        "hour 3 added to RT_prices on 9 March",
        edit(RT, _spring_hour_added),
        CHECK,
        ((f"{FINDING} bess_prices", "unusable_time rt_prices"),),
    ),
    Fault(
        "no repeated-hour flag",
        "Repeated Hour Flag dropped from SCED_Gen_Resources",
        edit(SGEN, lambda s: s.without("repeated_hour")),
        CHECK,
        ((f"{FINDING} bess_dispatch", "ambiguous_hour sced_gen_resources"),),
    ),
    # --- rows missing, repeated, contradicting
    Fault(
        "a month of real-time prices missing",
        "June missing in RT_prices",
        edit(RT, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} bess_prices", "missing_days rt_prices: 30"), _COVERAGE),
    ),
    Fault(
        "a month of clearing prices missing",
        "June missing in AS_prices",
        edit(AS, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} as_revenue", "missing_days as_prices: 30"), _AS_COVERAGE),
    ),
    Fault(
        "a month of awards missing",
        "June missing in DAM_Gen_Resources",
        edit(GEN, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} bess_awards", "missing_days dam_gen_resources: 30"), _COVERAGE, _AS_COVERAGE),
    ),
    Fault(
        "a month of load-side awards missing",
        "June missing in DAM_Load_Resources",
        edit(LOAD, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} bess_awards", "missing_days dam_load_resources: 30"), _AS_COVERAGE),
    ),
    Fault(
        "SCED partial, day-ahead complete",
        "June missing in SCED_Gen_Resources",
        edit(SGEN, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} bess_dispatch", "missing_days sced_gen_resources"), _COVERAGE),
    ),
    Fault(
        "charging partial",
        "June missing in SCED_Load_Resources",
        edit(SLOAD, lambda s: s.drop(_june(s))),
        CHECK,
        ((f"{FINDING} bess_dispatch", "missing_days sced_load_resources"), _COVERAGE),
    ),
    Fault(
        "metering partial",
        "10 to 20 November missing in SCED_SMNE",
        edit(SMNE, lambda s: s.drop(s.on(date(2025, 11, 10), date(2025, 11, 20)))),
        CHECK,
        ((f"{FINDING} bess_dispatch", "missing_days sced_smne"),),
    ),
    Fault(
        "no metering",
        "no file of SCED_SMNE",
        lambda plot: plot.rollups.remove(SMNE),
        MARKED,
        (("quantity_source", "telemetry"),),
    ),
    Fault(
        "the next year's 60-day files missing",
        "no 2026.parquet of any 60-day dataset",
        _without_next(GEN, LOAD, ESR, SGEN, SLOAD, SESR, SMNE),
        CHECK,
        ((f"{FINDING} bess_awards", "dataset_absent dam_esr_resources"), ("data_through", "2025-11-01")),
    ),
    Fault(
        "an old file under the next year's name",
        "2025.parquet of SCED_Load_Resources again as 2026.parquet",
        _first_again(SLOAD),
        MARKED,
        (_COVERAGE,),
    ),
    Fault(
        "one battery's telemetry missing",
        "its June missing in SCED_Gen_Resources",
        of_battery(0, "gen_resource", SGEN, lambda s, m: s.drop(m & _june(s))),
        MARKED,
        (_COVERAGE,),
    ),
    Fault(
        "one battery's awards missing",
        "its June missing in DAM_Gen_Resources",
        of_battery(0, "gen_resource", GEN, lambda s, m: s.drop(m & _june(s))),
        CHECK,
        ((_ROWS, "719 hours"),),
    ),
    Fault(
        "one battery's load-side awards missing",
        "its June missing in DAM_Load_Resources",
        of_battery(1, "load_resource", LOAD, lambda s, m: s.drop(m & _june(s))),
        CHECK,
        ((_ROWS, "719 hours"),),
    ),
    Fault(
        "rows without a name",
        "one battery's name null in June of SCED_Gen_Resources",
        of_battery(
            0,
            "gen_resource",
            SGEN,
            lambda s, m: s.put("resource_name", np.where(m & _june(s), None, s.values("resource_name"))),
        ),
        CHECK,
        ((f"{FINDING} bess_registry", "unnamed_rows sced_gen_resources"), _COVERAGE),
    ),
    Fault(
        "contradicting prices",
        "June of RT_prices once more, doubled",
        edit(RT, lambda s: s.add(s.keep(_june(s)).scale(PRICE, 2.0))),
        CHECK,
        ((f"{FINDING} bess_prices", "contradicting_rows rt_prices"),),
    ),
    Fault(
        "contradicting awards",
        "June of DAM_Gen_Resources once more, halved",
        edit(GEN, lambda s: s.add(s.keep(_june(s)).scale("award_mw", 0.5))),
        CHECK,
        ((f"{FINDING} bess_awards", "contradicting_rows dam_gen_resources"),),
    ),
    # --- columns
    Fault(
        "telemetry renamed",
        "a heading nobody knows over the output of SCED_Gen_Resources",
        edit(SGEN, lambda s: s.renamed(output_mw="Output")),
        CHECK,
        ((_COLUMNS, "(output_mw) absent"), ("quantity_source", "base_point")),
    ),
    Fault(
        "an award renamed",
        "a heading nobody knows over RegUp of DAM_Gen_Resources",
        edit(GEN, lambda s: s.renamed(regup_award_mw="REGUP_MW")),
        CHECK,
        ((_COLUMNS, "(regup_award_mw) absent"), _AS_COVERAGE),
    ),
    Fault(
        "telemetry dropped",
        "no output in SCED_Gen_Resources",
        edit(SGEN, lambda s: s.without("output_mw")),
        CHECK,
        ((f"{FINDING} bess_dispatch", "missing_columns sced_gen_resources"), ("quantity_source", "base_point")),
    ),
    Fault(
        "names dropped",
        "no resource name in DAM_Gen_Resources",
        edit(GEN, lambda s: s.without("resource_name")),
        ERROR,
        (("error", "resource_name"),),
    ),
    Fault(
        "nodes dropped",
        "no settlement point in DAM_Gen_Resources",
        edit(GEN, lambda s: s.without("settlement_point")),
        CHECK,
        ((f"{FINDING} bess_awards", "missing_columns dam_gen_resources"),),
    ),
    Fault(
        "telemetry filled with zeros",
        "output of SCED_Gen_Resources 0 all year",
        scaled(SGEN, "output_mw", 0.0),
        CHECK,
        ((f"{FINDING} bess_dispatch", "zero_filled sced_gen_resources"), ("notes", "all zero in sced_gen_resources")),
    ),
    Fault(
        "awards filled with zeros",
        "energy awards of DAM_ESR_Resources 0",
        scaled(ESR, "award_mw", 0.0),
        CHECK,
        ((f"{FINDING} bess_awards", "zero_filled dam_esr_resources"), ("notes", "all zero in dam_esr_resources")),
    ),
    Fault(
        "a month of telemetry filled with zeros",
        "output of SCED_Gen_Resources 0 in June",
        edit(SGEN, lambda s: s.scale("output_mw", 0.0, _june(s))),
        CHECK,
        ((f"{FINDING} bess_dispatch", "off_base_points sced_gen_resources: 30"),),
    ),
    Fault(
        "a month of prices filled with zeros",
        "RT_prices 0 in June",
        edit(RT, lambda s: s.scale(PRICE, 0.0, _june(s))),
        CHECK,
        ((_STILL, "30 days real-time"),),
    ),
    Fault(
        "a product's prices filled with zeros",
        "RRS of AS_prices 0 all year",
        edit(AS, lambda s: s.scale(MCPC, 0.0, s.where("product", "RRS"))),
        CHECK,
        ((_AGREE, "zeros among clearing prices"),),
    ),
    Fault(
        "text that is no number",
        "'20.0 MW' in DAM_Gen_Resources",
        edit(GEN, _as_text("award_mw", lambda value: f"{value} MW")),
        ERROR,
        (("error", "Awarded Quantity"),),
    ),
    Fault(
        "decimal commas",
        "'32,18' in RT_prices",
        edit(RT, _as_text(PRICE, lambda value: f"{value:.2f}".replace(".", ","))),
        ERROR,
        (("error", "expected: a number"),),
    ),
    Fault(
        "limits and awards exchanged",
        "headings of HSL and Awarded Quantity exchanged in DAM_Gen_Resources",
        edit(GEN, lambda s: s.swapped("hsl_mw", "award_mw")),
        CHECK,
        ((_LIMITS, "outside LSL..HSL"),),
    ),
    Fault(
        "a product under another label",
        "RRS of AS_prices called RESPONSIVE",
        edit(AS, lambda s: s.change("product", s.where("product", "RRS"), "RESPONSIVE")),
        CHECK,
        ((f"{FINDING} as_revenue", "unknown_products"), ("unknown", "as_rrs_usd")),
    ),
    Fault(
        "hourly prices in every quarter-hour",
        "each quarter-hour of RT_prices has the price of its hour's first",
        edit(RT, _four_equal),
        CHECK,
        ((_QUARTERS, "settlement points"),),
    ),
    Fault(
        "a product filled with zeros",
        "ECRSSD of DAM_Gen_Resources 0 all year",
        scaled(GEN, "ecrssd_award_mw", 0.0),
        CHECK,
        ((f"{FINDING} bess_awards", "zero_filled dam_gen_resources"), ("notes", "ecrssd_award_mw")),
    ),
    Fault(
        "a part of a product filled with zeros",
        "RRSPFR of DAM_Gen_Resources 0 all year",
        scaled(GEN, "rrspfr_award_mw", 0.0),
        CHECK,
        ((f"{FINDING} bess_awards", "zero_filled dam_gen_resources"), ("notes", "rrspfr_award_mw")),
    ),
    Fault(
        "a part of a real-time product filled with zeros",
        "RRSPFR of SCED_ESR_Resources 0",
        scaled(SESR, "rrspfr_award_mw", 0.0),
        CHECK,
        ((f"{FINDING} bess_dispatch", "zero_filled sced_esr_resources"), ("notes", "rrspfr_award_mw")),
    ),
    Fault(
        "base points of loads filled with zeros",
        "Base Point of SCED_Load_Resources 0; it stands in where consumption is blank",
        scaled(SLOAD, "base_point_mw", 0.0),
        CHECK,
        (
            (f"{FINDING} bess_dispatch", "zero_filled sced_load_resources"),
            (f"{FINDING} bess_registry", "rejected_pair"),
        ),
    ),
    # --- units and signs
    Fault(
        "awards in kW",
        "energy awards of DAM_Gen_Resources in kW",
        scaled(GEN, "award_mw", KILO),
        CHECK,
        ((_LIMITS, "outside LSL..HSL"), (_FOLLOWED, "0.001")),
    ),
    Fault(
        "storage awards in kW",
        "energy awards of DAM_ESR_Resources in kW",
        scaled(ESR, "award_mw", KILO),
        CHECK,
        ((_LIMITS, "_ESR1"), (_FOLLOWED, "from 2025-12-06")),
    ),
    Fault(
        "a product's awards in kW",
        "RegUp of DAM_Gen_Resources in kW",
        scaled(GEN, "regup_award_mw", KILO),
        CHECK,
        ((_AS_LIMITS, "above HSL - LSL"),),
    ),
    Fault(
        "load-side awards in kW",
        "RegUp of DAM_Load_Resources in kW",
        scaled(LOAD, "regup_award_mw", KILO),
        CHECK,
        ((_LOAD_LIMITS, "_LD1"),),
    ),
    Fault(
        "a day-ahead file in kW",
        "every MW of DAM_ESR_Resources in kW",
        edit(ESR, _all_in_kw),
        CHECK,
        ((_FOLLOWED, "from 2025-12-06"), ("notes", "MW in sced_esr_resources")),
    ),
    Fault(
        "sizes in kW",
        "HSL of DAM_ESR_Resources in kW",
        scaled(ESR, "hsl_mw", KILO),
        CHECK,
        (("notes", "MW in sced_esr_resources"),),
    ),
    Fault(
        "states of charge in kWh",
        "Maximum SOC of SCED_ESR_Resources in kWh",
        scaled(SESR, "max_soc_mwh", KILO),
        CHECK,
        ((f"{FINDING} bess_registry", "odd_duration"), ("notes", "of another unit")),
    ),
    Fault(
        "telemetry in kW",
        "output of SCED_Gen_Resources in kW",
        scaled(SGEN, "output_mw", KILO),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"), _COVERAGE),
    ),
    Fault(
        "storage telemetry in kW",
        "output of SCED_ESR_Resources in kW",
        scaled(SESR, "output_mw", KILO),
        CHECK,
        ((_SIZE, "quarter-hours of flow"),),
    ),
    Fault(
        "storage telemetry in GW",
        "output of SCED_ESR_Resources in GW",
        scaled(SESR, "output_mw", 1 / KILO),
        CHECK,
        ((_FOLLOWED, "from 2025-12-06"),),
    ),
    Fault(
        "consumption in kW",
        "consumption of SCED_Load_Resources in kW",
        scaled(SLOAD, "consumption_mw", KILO),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"), _COVERAGE),
    ),
    Fault(
        "metering in kWh",
        "SCED_SMNE in kWh",
        scaled(SMNE, "energy_mwh", KILO),
        CHECK,
        ((_METERED, "MWh metered"), (_SIZE, "quarter-hours of flow")),
    ),
    Fault(
        "real-time awards in kW",
        "RegUp of SCED_ESR_Resources in kW",
        scaled(SESR, "regup_award_mw", KILO),
        CHECK,
        ((_SIZE, "quarter-hours of real-time awards"),),
    ),
    Fault(
        "prices in $/kWh",
        "RT_prices divided by 1000",
        scaled(RT, PRICE, 1 / KILO),
        CHECK,
        ((_AGREE, "mean real-time price over the day-ahead one"),),
    ),
    Fault(
        "prices in cents",
        "DA_prices times 100",
        scaled(DA, PRICE, 100.0),
        CHECK,
        ((_STATED, "differ"), ("notes", "implausible prices used")),
    ),
    Fault(
        "awards with the other sign",
        "energy awards of DAM_Gen_Resources negative",
        scaled(GEN, "award_mw", -1.0),
        CHECK,
        ((_LIMITS, "outside LSL..HSL"), (_FOLLOWED, "-")),
    ),
    Fault(
        "storage awards with the other sign",
        "energy awards of DAM_ESR_Resources with the other sign",
        scaled(ESR, "award_mw", -1.0),
        CHECK,
        ((_FOLLOWED, "from 2025-12-06"),),
    ),
    Fault(
        "telemetry with the other sign",
        "output of SCED_Gen_Resources negative",
        scaled(SGEN, "output_mw", -1.0),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"), _COVERAGE),
    ),
    Fault(
        "storage telemetry with the other sign",
        "output of SCED_ESR_Resources with the other sign",
        scaled(SESR, "output_mw", -1.0),
        CHECK,
        ((_FOLLOWED, "from 2025-12-06"), (_AGREE, "round-trip efficiency")),
    ),
    Fault(
        "consumption with the other sign",
        "consumption of SCED_Load_Resources negative",
        scaled(SLOAD, "consumption_mw", -1.0),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"),),
    ),
    Fault(
        "metering with the other sign",
        "SCED_SMNE with the other sign",
        scaled(SMNE, "energy_mwh", -1.0),
        CHECK,
        ((_METERED, "by telemetry"),),
    ),
    Fault(
        "prices with the other sign",
        "RT_prices with the other sign",
        scaled(RT, PRICE, -1.0),
        CHECK,
        (
            (_AGREE, "mean real-time price over the day-ahead one"),
            (f"{FINDING} bess_prices", "implausible_price rt_prices"),
        ),
    ),
    Fault(
        "clearing prices with the other sign",
        "AS_prices with the other sign",
        scaled(AS, MCPC, -1.0),
        CHECK,
        ((f"{FINDING} as_revenue", "implausible_price as_prices"), ("notes", "implausible prices used")),
    ),
    Fault(
        "a negative award",
        "one battery's RegUp -5 MW in June of DAM_Gen_Resources",
        of_battery(0, "gen_resource", GEN, lambda s, m: s.change("regup_award_mw", m & _june(s), -5.0)),
        CHECK,
        ((_AS_LIMITS, "719"),),
    ),
    Fault(
        "a negative load-side award",
        "one battery's RegUp -5 MW in June of DAM_Load_Resources",
        of_battery(0, "load_resource", LOAD, lambda s, m: s.change("regup_award_mw", m & _june(s), -5.0)),
        CHECK,
        ((_LOAD_LIMITS, "719"),),
    ),
    Fault(
        "a negative real-time award",
        "one battery's RegUp -5 MW in SCED_ESR_Resources",
        of_battery(0, "esr_resource", SESR, lambda s, m: s.change("regup_award_mw", m, -5.0)),
        CHECK,
        ((_SIZE, "quarter-hours of real-time awards"),),
    ),
    Fault(
        "negative consumption",
        "one battery's consumption -5 MW in June of SCED_Load_Resources",
        of_battery(0, "load_resource", SLOAD, lambda s, m: s.change("consumption_mw", m & _june(s), -5.0)),
        CHECK,
        ((f"{FINDING} bess_dispatch", "negative_consumption"),),
    ),
    # --- numbers that are none, prices that stand out
    Fault(
        "NaN awards",
        "awards of DAM_Gen_Resources NaN in June",
        edit(GEN, _numbers_with("award_mw", np.nan)),
        CHECK,
        ((f"{FINDING} bess_awards", "unusable_numbers dam_gen_resources"),),
    ),
    Fault(
        "infinite awards",
        "awards of DAM_Gen_Resources infinite in June",
        edit(GEN, _numbers_with("award_mw", np.inf)),
        CHECK,
        ((f"{FINDING} bess_awards", "unusable_numbers dam_gen_resources"),),
    ),
    Fault(
        "NaN prices",
        "RT_prices NaN in June",
        edit(RT, _numbers_with(PRICE, np.nan)),
        CHECK,
        ((f"{FINDING} bess_prices", "unusable_numbers rt_prices"), _COVERAGE),
    ),
    Fault(
        "infinite telemetry",
        "output of SCED_Gen_Resources minus infinity in June",
        edit(SGEN, _numbers_with("output_mw", -np.inf)),
        CHECK,
        ((f"{FINDING} bess_dispatch", "unusable_numbers sced_gen_resources"),),
    ),
    Fault(
        "a price of ten million",
        "one node's RT price 10,000,000 in an hour of July",
        of_battery(
            0, "settlement_point", RT, lambda s, m: s.change(PRICE, m & s.on(JULY) & s.where("hour_ending", 18), 1e7)
        ),
        CHECK,
        ((f"{FINDING} bess_prices", "implausible_price rt_prices: 4"), ("notes", "implausible prices used")),
    ),
    Fault(
        "a clearing price of ten million",
        "RRS of AS_prices 10,000,000 on a day of July",
        edit(AS, lambda s: s.change(MCPC, s.on(JULY) & s.where("product", "RRS"), 1e7)),
        CHECK,
        ((f"{FINDING} as_revenue", "implausible_price as_prices: 24"), ("notes", "implausible prices used")),
    ),
    # --- nodes and names
    Fault(
        "a node's prices missing",
        "one node missing in RT_prices",
        of_battery(0, "settlement_point", RT, lambda s, m: s.drop(m)),
        CHECK,
        ((_PRICED, "0.00% of intervals"), _COVERAGE),
        fast=True,
    ),
    Fault(
        "a node's day-ahead prices missing",
        "one node missing in DA_prices",
        of_battery(0, "settlement_point", DA, lambda s, m: s.drop(m)),
        CHECK,
        (("notes", "% stated"), (_PRICED, "below 99%")),
    ),
    Fault(
        "a node's prices frozen",
        "one node's price 31.50 $/MWh in June of RT_prices",
        of_battery(0, "settlement_point", RT, lambda s, m: s.change(PRICE, m & _june(s), 31.5)),
        CHECK,
        ((_STILL, "30 days real-time"),),
    ),
    Fault(
        "a node's day-ahead prices frozen",
        "one node's price 31.50 $/MWh in June of DA_prices",
        of_battery(0, "settlement_point", DA, lambda s, m: s.change(PRICE, m & _june(s), 31.5)),
        CHECK,
        ((_STILL, "30 days day-ahead"), (_STATED, "differ")),
    ),
    Fault(
        "two nodes' real-time prices exchanged",
        "two nodes' names exchanged in RT_prices",
        swap(RT, "settlement_point", "settlement_point", 0, 1),
        CHECK,
        ((_AGREE, "real-time basis"),),
    ),
    Fault(
        "two nodes' day-ahead prices exchanged",
        "two nodes' names exchanged in DA_prices",
        swap(DA, "settlement_point", "settlement_point", 0, 1),
        CHECK,
        ((_STATED, "differ"),),
    ),
    Fault(
        "two batteries' nodes exchanged",
        "two nodes' names exchanged in DAM_Gen_Resources",
        swap(GEN, "settlement_point", "settlement_point", 0, 1),
        CHECK,
        ((_STATED, "differ"),),
    ),
    Fault(
        "another's load resource",
        "two load resources' names exchanged in both load files",
        together(
            swap(SLOAD, "load_resource", "resource_name", 1, 2), swap(LOAD, "load_resource", "resource_name", 1, 2)
        ),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"), ("excluded_reason", "charging unknown")),
    ),
    Fault(
        "another's load resource, by hand",
        "the battery table gives a battery another's load resource",
        _user(1, load_resource=(2, "load_resource")),
        CHECK,
        (("notes", "against the evidence"), (_AGREE, "round-trip efficiency of the year")),
    ),
    Fault(
        "renamed to another's storage resource, by hand",
        "the battery table joins a battery with another's ESR",
        _user(1, esr_resource=(2, "esr_resource")),
        ERROR,
        (("error", "share the key"),),
    ),
    Fault(
        "the rename bridged wrongly",
        "two ESRs' names exchanged in both ESR files",
        together(swap(SESR, "esr_resource", "resource_name", 1, 2), swap(ESR, "esr_resource", "resource_name", 1, 2)),
        MARKED,
        (("notes", "not by its name"),),
        fast=True,
    ),
    Fault(
        "telemetry of another's storage resource",
        "two ESRs' names exchanged in SCED_ESR_Resources alone",
        swap(SESR, "esr_resource", "resource_name", 1, 2),
        CHECK,
        ((_SIZE, "quarter-hours of flow"), ("notes", "MW in sced_esr_resources")),
    ),
    Fault(
        "renamed beyond recognition",
        "one ESR under a new name and node",
        together(
            of_battery(0, "esr_resource", SESR, lambda s, m: s.change("resource_name", m, "NEW_ESR9")),
            of_battery(
                0,
                "esr_resource",
                ESR,
                lambda s, m: s.change("settlement_point", m, "OTHER_RN").change("resource_name", m, "NEW_ESR9"),
            ),
        ),
        CHECK,
        ((_PRICED, "OTHER_RN"), ("notes", "no storage resource follows it")),
    ),
    Fault(
        "renamed in the middle of an era",
        "one ESR under a new name from 16 December, its node and size the same",
        together(
            *(
                of_battery(
                    0, "esr_resource", dataset, lambda s, m: s.change("resource_name", m & s.on(*LATE), "NEW_ESR9")
                )
                for dataset in (ESR, SESR)
            )
        ),
        CHECK,
        ((f"{FINDING} bess_registry", "renamed bess_registry: 1"), ("notes", "perhaps one battery, renamed")),
    ),
    Fault(
        "names in lower case",
        "resource names of SCED_Gen_Resources in lower case",
        edit(SGEN, lambda s: s.put("resource_name", [str(name).lower() for name in s.values("resource_name")])),
        ERROR,
        (("error", "None of the"),),
    ),
    Fault(
        "a battery called wind",
        "one battery's type WIND in both generation files",
        together(
            of_battery(0, "gen_resource", GEN, lambda s, m: s.change("resource_type", m, "WIND")),
            of_battery(0, "gen_resource", SGEN, lambda s, m: s.change("resource_type", m, "WIND")),
        ),
        MARKED,
        (("notes", "no generation resource came before it"),),
    ),
    Fault(
        "a wind farm called a battery",
        "a wind farm's type PWRSTR in DAM_Gen_Resources",
        edit(GEN, lambda s: s.change("resource_type", s.where("resource_type", "WIND"), "PWRSTR")),
        CHECK,
        ((f"{FINDING} bess_registry", "unpaired"),),
    ),
    # --- files
    Fault(
        "a truncated file",
        "the first half of SCED_Gen_Resources",
        _bytes(SGEN, lambda content: content[: len(content) // 2]),
        ERROR,
        (("error", "cannot be read as Parquet"),),
        fast=True,
    ),
    Fault(
        "garbage",
        "a ZIP under the name of SCED_Gen_Resources",
        _bytes(SGEN, lambda content: b"PK\3\4" + content[::-1]),
        ERROR,
        (("error", "cannot be read as Parquet"),),
        fast=True,
    ),
    Fault(
        "a damaged page",
        "a tenth of SCED_Gen_Resources overwritten, its footer whole",
        _bytes(SGEN, _overwritten),
        ERROR,
        (("error", "breaks off while being read"),),
        fast=True,
    ),
    Fault(
        "an empty file", "RT_prices of 0 bytes", _bytes(RT, lambda _: b""), ERROR, (("error", "RT_prices"),), fast=True
    ),
    Fault(
        "a file without rows",
        "RT_prices with its columns and no row",
        edit(RT, _no_rows),
        CHECK,
        ((_PRICED, "0.00% of intervals"), _COVERAGE),
    ),
    Fault(
        "awards without rows",
        "DAM_Gen_Resources with its columns and no row",
        edit(GEN, _no_rows),
        CHECK,
        (_COVERAGE, _AS_COVERAGE),
    ),
    Fault(
        "metering without rows",
        "SCED_SMNE with its columns and no row",
        edit(SMNE, _no_rows),
        MARKED,
        (("quantity_source", "telemetry"),),
    ),
    Fault(
        "replaced between two steps",
        "SCED_Gen_Resources halved after the registry was made, before the dispatch was read",
        _replaced_while_read,
        CHECK,
        (
            ("plan of bess_dispatch", "sced_gen_resources/2025.parquet has changed"),
            ("plan of bess_registry", "has changed"),
        ),
    ),
    Fault(
        "cut while being read",
        "SCED_Gen_Resources cut in half under the reader",
        _cut_while_read,
        ERROR,
        (("error", "SCED_Gen_Resources"),),
    ),
    Fault(
        "real-time prices as day-ahead ones",
        "RT_prices under the name of DA_prices",
        _in_place_of(DA, RT),
        ERROR,
        (("error", "another dataset's file"),),
        fast=True,
    ),
    Fault(
        "day-ahead prices as real-time ones",
        "DA_prices under the name of RT_prices",
        _in_place_of(RT, DA),
        ERROR,
        (("error", "no column for interval"),),
    ),
    Fault(
        "generation as load",
        "DAM_Gen_Resources under the name of DAM_Load_Resources",
        _in_place_of(LOAD, GEN),
        ERROR,
        (("error", "another dataset's file"),),
    ),
    Fault(
        "generation as storage",
        "DAM_Gen_Resources under the name of DAM_ESR_Resources",
        _last_of(ESR, GEN),
        ERROR,
        (("error", "of the type CCGT90, WIND"),),
    ),
    Fault(
        "generation telemetry as storage",
        "SCED_Gen_Resources under the name of SCED_ESR_Resources",
        _last_of(SESR, SGEN),
        ERROR,
        (("error", "of the type CCGT90, WIND"),),
    ),
    Fault(
        "storage as generation",
        "DAM_ESR_Resources under the name of DAM_Gen_Resources",
        _last_of(GEN, ESR),
        CHECK,
        ((f"{FINDING} bess_awards", "missing_days dam_gen_resources"), _COVERAGE),
    ),
    Fault(
        "a year that no dataset has",
        "2024 settled from files of 2025",
        _no_such_year,
        ERROR,
        (("error", "No battery has a row in 2024"),),
        fast=True,
    ),
    # --- what nobody can see
    Fault(
        "a price shift",
        "every price of RT_prices 1 $/MWh higher",
        edit(RT, lambda s: s.put(PRICE, s.values(PRICE) + 1.0)),
        UNSEEN,
        size="0.64% of the fleet's total, at most 0.73% of a battery's",
        fast=True,
    ),
    Fault(
        "a plausible price spike",
        "one node's RT price 5,000 $/MWh in an hour of July",
        of_battery(
            1,
            "settlement_point",
            RT,
            lambda s, m: s.change(PRICE, m & s.on(JULY) & s.where("hour_ending", 18), 5_000.0),
        ),
        UNSEEN,
        size="0.01% of the fleet's total, at most 0.04% of a battery's",
    ),
    Fault(
        "clearing prices in $/kW",
        "AS_prices divided by 1000, in day-ahead files that state no MCPC",
        scaled(AS, MCPC, 1 / KILO),
        CHECK,
        ((_AGREE, "sum of the mean clearing prices"),),
    ),
    Fault(
        "two products' prices exchanged",
        "REGUP and REGDN exchanged in AS_prices",
        edit(AS, lambda s: s.swap_values("product", "REGUP", "REGDN")),
        UNSEEN,
        size="1.24% of the fleet's total, at most 5.51% of a battery's",
    ),
    Fault(
        "two products' awards exchanged",
        "headings of RegUp and RegDown exchanged in DAM_Gen_Resources",
        edit(GEN, lambda s: s.swapped("regup_award_mw", "regdn_award_mw")),
        UNSEEN,
        size="1.30% of the fleet's total, at most 4.10% of a battery's",
    ),
    Fault(
        "base points for telemetry",
        "headings of both exchanged in SCED_Gen_Resources",
        edit(SGEN, lambda s: s.swapped("base_point_mw", "output_mw")),
        CHECK,
        ((f"{FINDING} bess_registry", "rejected_pair"), ("excluded_reason", "charging unknown")),
    ),
    Fault(
        "a month of telemetry an hour off",
        "stamps of SCED_Gen_Resources an hour later in June, where the clock does not change",
        edit(SGEN, lambda s: s.drop(_june(s)).add(_stamps_later(s.keep(_june(s))))),
        ERROR,
        (("error", "another time zone from 2025-06-01 on"),),
    ),
    Fault(
        "clearing prices twice as high all year",
        "AS_prices doubled, in day-ahead files that state no MCPC",
        scaled(AS, MCPC, 2.0),
        UNSEEN,
        size="26.82% of the fleet's total, at most 59.94% of a battery's",
    ),
    Fault(
        "clearing prices 0 in every fourth hour",
        "MCPC of all products 0 in hours 4, 8, .. 24 in AS_prices",
        edit(AS, lambda s: s.change(MCPC, _hours(s) % 4 == 0, 0.0)),
        CHECK,
        ((_AGREE, "every clearing price is 0"),),
    ),
    Fault(
        "one product's prices 0 in every fourth hour",
        "MCPC of RRS 0 in hours 4, 8, .. 24 in AS_prices",
        edit(AS, lambda s: s.change(MCPC, (_hours(s) % 4 == 0) & s.where("product", "RRS"), 0.0)),
        CHECK,
        ((_AGREE, "zeros among clearing prices between two that are none"),),
    ),
    Fault(
        "a month's clearing prices under the next month's dates",
        "rows of AS_prices of July with the dates of August in the place of August's",
        edit(AS, _august_is_july),
        CHECK,
        ((_AGREE, "days with the clearing prices of an earlier day"),),
    ),
    Fault(
        "real-time prices that stand for every second hour",
        "each price of even hours that of the quarter-hour before in RT_prices",
        edit(RT, _stand_in_even_hours),
        CHECK,
        ((_AGREE, "as they were in the quarter-hour before"),),
    ),
    Fault(
        "real-time prices below zero cut off",
        "negative RT prices 0",
        edit(RT, lambda s: s.put(PRICE, np.maximum(s.values(PRICE), 0.0))),
        CHECK,
        ((_AGREE, "real-time prices below zero"),),
    ),
    Fault(
        "purchases of storage cut off",
        "negative energy awards 0 in DAM_ESR_Resources",
        edit(ESR, lambda s: s.put("award_mw", np.maximum(s.values("award_mw"), 0.0))),
        CHECK,
        ((_AGREE, "MWh bought over MWh sold"),),
    ),
    Fault(
        "zeros among the readings of storage",
        "output 0 in every fifth run of SCED_ESR_Resources",
        edit(SESR, lambda s: s.change("output_mw", _runs(s) % 5 == 0, 0.0)),
        CHECK,
        (("no_zeros_stand_between_readings of bess_dispatch", "ESR"),),
    ),
    Fault(
        "real-time awards of one product in another unit",
        "REGUP awards of SCED_ESR_Resources four times as high",
        scaled(SESR, "regup_award_mw", 4.0),
        CHECK,
        (
            (
                "flows_and_real_time_awards_fit_the_size_of_their_battery of bess_dispatch",
                "flow and real-time awards together",
            ),
        ),
    ),
    Fault(
        "a month of blank awards",
        "energy awards of DAM_Gen_Resources blank in June",
        edit(GEN, lambda s: s.put("award_mw", np.where(_june(s), np.nan, s.values("award_mw")))),
        CHECK,
        ((_AGREE, "day-ahead energy awards"),),
    ),
)
