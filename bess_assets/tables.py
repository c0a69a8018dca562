"""Every result table, declared once: columns, units, meaning, key, where each column comes from; and the Arrow schema made from them on demand.

Importing this loads no pyarrow.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from bess_assets.ercot.products import ATTRIBUTED, MONTH_LONG, PERFECT, PRICE_COUNTS, PRODUCT_NAMES, PRODUCTS, TB_HOURS

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "label", "day", "time", "number", "count", "flag"]
"""text: plain string. label: string of few values. day: date. time: UTC timestamp. number: float64. count: int64. flag: bool."""

Group = Literal["schemas", "registry", "extracts", "daily", "revenue", "leaderboard", "why"]

@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: snake_case, with its unit.
        kind: how it is stored, see `Kind`.
        meaning: one plain phrase.
        sources: (table or dataset, column) pairs it is computed from; feeds the lineage shown in the UI.
        required: True if it is never null.
    """

    name: str
    kind: Kind
    meaning: str
    sources: tuple[tuple[str, str], ...] = ()
    required: bool = False


YEAR = Column("year", "count", "operating year, the same in all rows of a file", required=True)
"""The first column of every yearly file: a folder of them reads as one table. No step makes it and no query of ours needs it."""

PRODUCT = Column("product", "label", f"{', '.join(PRODUCTS[:-1])} or {PRODUCTS[-1]}", required=True)
"""What tells the rows of a product, where SQL shows a table by product so."""


@dataclass(frozen=True)
class Table:
    """One result table; one file a year, `<results>/<name>/<year>.parquet`, unless merged; or files for people, which no query reads.

    Attributes:
        name: table name and asset key; `group` is its asset group.
        meaning: what one row is and holds.
        key: columns that are unique together, and the sort order; the first one splits the file into row groups of a ledger.
        columns: in file order.
        by_product: what its last columns hold, one for each product, `<product>_<name>`; SQL shows them under these names, with a row for each product.
        datasets: rollup datasets read for it.
        upstream: result tables read for it; for files one of `ASKED_FOR` only where it was made.
        ledger: True for a dense table written one row group per value of the first key column.
        money: the column whose sum is shown as the table's dollars; one by product stands for all of them, here and in `coverage`.
        coverage: (known, expected) columns whose ratio is shown as the table's coverage: counts are summed, flags and known numbers are
            counted; None for expected means every row.
        sums: (total, parts) pairs: where a total is known it is the sum of its known parts, to a cent in a million dollars.
        merged: True for a table without partitions that merges all years.
        sort: order of the file where it isn't the key's; empty means the key's.
        append_only: True for the one table that keeps the results of earlier refreshes: inputs cannot make it again, so that it is never cleaned, and
            it holds times.
        files: names of files for people in `<results>/<name>/<year>/`, `{year}` for the year, the first one to be opened; a table of files has no columns.
        earlier: result tables of earlier years, where there are any, that these files show too.
        before: result tables of the year before, where they are there, that the step reads too.
        code_version: of the code that makes it; raised where the same inputs would give another table, so that the years made before count as changed.
    """

    name: str
    group: Group
    meaning: str
    key: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    by_product: tuple[Column, ...] = ()
    datasets: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    ledger: bool = False
    money: str | None = None
    coverage: tuple[str, str | None] | None = None
    sums: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())
    merged: bool = False
    sort: tuple[str, ...] = ()
    append_only: bool = False
    files: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    code_version: str = "2"

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def column_names(self) -> list[str]:
        """Names in file order."""
        return [column.name for column in self.columns]

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """Columns of the file: those declared, and the year in front where each file holds one."""
        return self.columns if self.merged else (YEAR, *self.columns)

    def stored(self, name: str) -> list[str]:
        """Columns of the file that a name stands for: those of all products, or the one that has it."""
        return [f"{p}_{name}" for p in PRODUCTS] if any(column.name == name for column in self.by_product) else [name]

    @property
    def views(self) -> dict[str, tuple[Column, ...]]:
        """Columns by which SQL shows it, by the name of the view; of a table by product first as the file holds it, then with a row for each product."""
        if not self.by_product:
            return {self.name: self.columns}
        first, *shared = self.columns[: -len(PRODUCTS) * len(self.by_product)]
        return {f"{self.name}_hourly": self.columns, self.name: (first, PRODUCT, *shared, *self.by_product)}

    @property
    def of_each_product(self) -> list[dict[str, str]]:
        """By product, what the columns of its rows are of the columns of the file, as SQL; those that all products share are left out."""
        return [{PRODUCT.name: f"'{p}'"} | {c.name: f"{p}_{c.name}" for c in self.by_product} for p in PRODUCTS]


@cache
def arrow_schema(table: Table) -> "pa.Schema":
    """Arrow schema of a table's file, with meanings as field metadata."""
    import pyarrow as pa  # noqa: PLC0415  queries must start without pyarrow

    types = {
        "text": pa.string(),
        "label": pa.string(),
        "day": pa.date32(),
        "time": pa.timestamp("us", tz="UTC"),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
    }
    return pa.schema(
        [
            pa.field(c.name, types[c.kind], nullable=not c.required, metadata={"meaning": c.meaning})
            for c in table.file_columns
        ],
        metadata={"table": table.name, "meaning": table.meaning},
    )


def _battery(source: str) -> Column:
    return Column("battery", "text", "stable key of the battery", ((source, "battery"),), required=True)


def _day(*sources: str) -> Column:
    return Column("operating_day", "day", "operating day, Central time", tuple((source, "operating_day") for source in sources), required=True)


def _interval(what: str) -> Column:
    return Column("interval_start", "time", f"start of the {what}, UTC", required=True)


def _carried(table: Table, *names: str) -> Iterator[Column]:
    """Columns of an upstream table as they are there."""
    return (replace(table.column(name), sources=_from(table.name, name)) for name in names)


def _from(table: str, *columns: str) -> tuple[tuple[str, str], ...]:
    return tuple((table, column) for column in columns)


def _of_each_product(columns: Collection[Column]) -> Iterator[Column]:
    """Each column once for each product, whose name stands in the place of `{p}` in its sources."""
    for c in columns:
        for p in PRODUCTS:
            sources = tuple((table, column.format(p=p)) for table, column in c.sources)
            yield replace(c, name=f"{p}_{c.name}", meaning=f"{PRODUCT_NAMES[p]}: {c.meaning}", sources=sources)


_DAM = ("dam_gen_resources", "dam_load_resources", "dam_esr_resources")
_AWARD_COLUMNS = {
    "rrs": ("rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw", "rrs_award_mw"),
    "ecrs": ("ecrssd_award_mw", "ecrs_award_mw"),
}
_SCED = ("sced_gen_resources", "sced_load_resources", "sced_esr_resources")

# Where the resources and days of a year are read from: whatever rests on which batteries there are, and on which days, rests on these.
_NAMES = tuple((dataset, "resource_name") for dataset in (*_DAM, *_SCED, "sced_smne"))
_SEEN = (*_NAMES, *((dataset, "operating_day") for dataset in _DAM), *((dataset, "sced_stamp") for dataset in _SCED), ("sced_smne", "interval_end"))

_ROWS_AND_WORK = (*((dataset, "resource_name") for dataset in _DAM), *((dataset, "base_point_mw") for dataset in _SCED), ("sced_smne", "energy_mwh"))
_STATED_POINT_PRICE = tuple((dataset, "settlement_price_usd_per_mwh") for dataset in ("dam_gen_resources", "dam_esr_resources"))
_STATED_MCPC = tuple((dataset, "{p}_mcpc_usd_per_mw") for dataset in _DAM)  # of a product

_RT_MCPC = tuple((dataset, "mcpc_usd_per_mw") for dataset in ("rt_as_prices", "sced_as_prices"))
_RUN_PRICES = ("sced_as_prices", "sced_as_adders")

_DATASETS = ("rt_prices", "da_prices", "as_prices", "rt_as_prices", *_RUN_PRICES, *_DAM, *_SCED, "sced_smne", "cop_snapshots", "sasm_as_offers", "dam_energy_bid_awards")

ROLLUP_SCHEMAS = Table(
    name="rollup_schemas", group="schemas",
    meaning="One row per dataset, rollup file that the year reads, and column: what it is, its type, and what is odd about it. Affects no figure.",
    key=("dataset", "file", "position"), datasets=_DATASETS,
    columns=(
        Column("dataset", "label", "dataset", required=True),
        Column("file", "text", "name of the file, built/<name> where this package built it; 'no file' where the dataset has none for the year", required=True),
        Column("position", "count", "place of the column in the file, from 1; columns that the file lacks follow", required=True),
        Column("heading", "text", "heading as the file spells it; empty for a column that it lacks"),
        Column("arrow_type", "label", "type as the file holds it"),
        Column("canonical_name", "label", "canonical column that it is read as; empty if it is known and not used, or unknown"),
        Column("use", "label", "used; known, not used; unknown; absent (no such heading, or blank in every row); unreadable (the file)", required=True),
        Column("expected", "label", "what a canonical column should hold, in words"),
        Column("listed_type", "label", "type that the schema.json beside the file gives it; compared, never trusted"),
        Column("file_rows", "count", "rows of the file"),
        Column("null_count", "count", "nulls of the column, where the file's footer says it"),
        Column("first_day", "day", "first operating day of the file"),
        Column("last_day", "day", "last operating day of the file"),
        Column("drift", "text", "what is odd about the column, joined by a semicolon; empty if nothing is"),
        Column("mismatch", "flag", "True if it is not as ERCOT published it then; a drift that is understood is none", required=True),
    ),
)

COLUMN_AVAILABILITY = Table(
    name="column_availability", group="schemas",
    meaning="The matrix of dataset by column by year: in which years there is a column, how spelled and typed, and what changed since the year before.",
    key=("dataset", "column_name", "year"), sort=("dataset", "position", "year"), upstream=("rollup_schemas",), merged=True,
    columns=(
        Column("dataset", "label", "dataset", _from("rollup_schemas", "dataset"), required=True),
        Column("position", "count", "place in the matrix: canonical columns first, then other headings", required=True),
        Column("column_name", "text", "canonical name; in quotes the heading of a column that has none", _from("rollup_schemas", "canonical_name", "heading"), required=True),
        Column("year", "count", "operating year", required=True),
        Column("use", "label", "used; known, not used; unknown", _from("rollup_schemas", "use"), required=True),
        Column("present", "flag", "True if at least one file of the year has it and holds a value in it", _from("rollup_schemas", "use"), required=True),
        Column("published", "flag", "True if ERCOT published it in the rows of these files; empty for a heading that is no canonical column, and for a column that is only compared"),
        Column("heading", "text", "how the file named by the year spells it, or else the first file that has it", _from("rollup_schemas", "heading")),
        Column("arrow_type", "label", "its type there", _from("rollup_schemas", "arrow_type")),
        Column("files", "count", "files of the dataset that the year reads and that can be read", _from("rollup_schemas", "file"), required=True),
        Column("file_share", "number", "share of them that have the column; empty without a file", _from("rollup_schemas", "file")),
        Column("change", "text", "against the year before that has the dataset: appeared, vanished, type changed from .., heading changed from .."),
        Column("expected_change", "flag", "True if ERCOT made that change; empty without a change, and for columns that are not used or only compared"),
    ),
)

BESS_REGISTRY = Table(
    name="bess_registry", group="registry",
    meaning="One row per battery seen in the year: its names, nodes, size, and the days on which it is expected.",
    code_version="6", key=("battery",), datasets=(*_DAM, *_SCED, "sced_smne", "cop_snapshots"), coverage=("capacity_mw", None),
    columns=(
        Column("battery", "text", "stable key: the resource name without its technology suffix", (("dam_gen_resources", "resource_name"), ("dam_esr_resources", "resource_name")), required=True),
        Column("gen_resource", "text", "generation resource of the combo model (before 2025-12-05)", (("dam_gen_resources", "resource_name"), ("sced_gen_resources", "resource_name"))),
        Column("load_resource", "text", "accepted load resource, the charging side of the combo model", (("dam_load_resources", "resource_name"), ("sced_load_resources", "resource_name"))),
        Column("esr_resource", "text", "energy storage resource (from 2025-12-05)", (("dam_esr_resources", "resource_name"), ("sced_esr_resources", "resource_name"))),
        Column("pair_status", "label", "how the load resource was found: confirmed, same_name, name_only, rejected, user, none; empty without a combo era", _from("bess_registry", "load_resource")),
        Column("pair_evidence", "text", "tests passed and failed by the candidates", _from("bess_registry", "gen_resource", "load_resource")),
        Column("charging", "label", "where charging is read: load (load resource), generation (user said none), esr, unknown", _from("bess_registry", "load_resource", "esr_resource"), required=True),
        Column("bridge_evidence", "text", "why combo and ESR names are one battery", _from("bess_registry", "gen_resource", "esr_resource")),
        Column("settlement_point", "text", "node of the last expected hour", (("dam_gen_resources", "settlement_point"), ("dam_esr_resources", "settlement_point"))),
        Column("settlement_points", "text", "all its nodes of the year, joined by a semicolon"),
        Column("qse", "text", "qualified scheduling entity, latest", (("dam_gen_resources", "qse"), ("dam_esr_resources", "qse"))),
        Column("capacity_mw", "number", "MW: the 24th largest hourly high sustained limit", (*((dataset, "hsl_mw") for dataset in ("dam_gen_resources", "dam_esr_resources", "sced_gen_resources", "sced_esr_resources", "cop_snapshots")), ("dam_load_resources", "max_power_mw"), ("sced_load_resources", "max_power_mw"))),
        Column("capacity_source", "label", "user, dam, sced, cop, load", _from("bess_registry", "capacity_mw")),
        Column("energy_mwh", "number", "MWh: the 24th largest hourly maximum state of charge, else of the states of charge themselves", (("sced_esr_resources", "max_soc_mwh"), ("cop_snapshots", "max_soc_mwh"), ("sced_esr_resources", "soc_mwh"))),
        Column("energy_source", "label", "user, sced, cop, or soc (state of charge: a lower bound)", _from("bess_registry", "energy_mwh")),
        Column("duration_hours", "number", "energy_mwh / capacity_mw; 4.0 where assumed", _from("bess_registry", "energy_mwh", "capacity_mw")),
        Column("duration_source", "label", "user, ercot, assumed (no metric uses an assumed duration)", _from("bess_registry", "energy_mwh"), required=True),
        Column("first_seen_day", "day", "first operating day with a row in a DAM, SCED or SMNE dataset", _SEEN, required=True),
        Column("last_seen_day", "day", "last operating day with such a row", _SEEN, required=True),
        Column("expected_first_day", "day", "first day for which figures are expected", _SEEN, required=True),
        Column("expected_last_day", "day", "last day for which figures are expected", _SEEN, required=True),
        Column("data_through", "day", "last operating day of the year's 60-day data", _SEEN, required=True),
        Column("edition", "label", "final if the data go beyond 31 December, else preliminary", _SEEN, required=True),
        Column("attributes", "text", "JSON: further columns of the battery table with their last value of the year; empty without one"),
        Column("notes", "text", "what a reader should know", _from("bess_registry", "pair_evidence", "bridge_evidence", "capacity_mw", "energy_mwh")),
    ),
)

BESS_FLEET = Table(
    name="bess_fleet", group="registry",
    meaning="One row per battery over all years: its names by era, its latest size, and when it was seen.",
    key=("battery",), upstream=("bess_registry",), merged=True, code_version="3", coverage=("capacity_mw", None),
    columns=(
        _battery("bess_registry"),
        Column("gen_resources", "text", "generation resources, joined by a semicolon", _from("bess_registry", "gen_resource")),
        Column("load_resources", "text", "load resources", _from("bess_registry", "load_resource")),
        Column("esr_resources", "text", "energy storage resources", _from("bess_registry", "esr_resource")),
        Column("settlement_points", "text", "all nodes", _from("bess_registry", "settlement_points")),
        Column("qse", "text", "latest qualified scheduling entity", _from("bess_registry", "qse")),
        Column("capacity_mw", "number", "capacity of the latest year that knows it", _from("bess_registry", "capacity_mw")),
        Column("energy_mwh", "number", "energy of the latest year that knows it", _from("bess_registry", "energy_mwh")),
        Column("first_seen_day", "day", "first day seen", _from("bess_registry", "first_seen_day"), required=True),
        Column("last_seen_day", "day", "last day seen", _from("bess_registry", "last_seen_day"), required=True),
        Column("years", "text", "years with a row, joined by a semicolon", required=True),
        Column("attributes", "text", "JSON: further columns of the battery table, of the latest year that has one", _from("bess_registry", "attributes")),
    ),
)

BESS_AWARDS = Table(
    name="bess_awards", group="extracts",
    meaning="Day-ahead awards, battery by hour of the year. 0 is no award; null is unknown.",
    key=("battery", "interval_start"), ledger=True, coverage=("award_mw", None), code_version="4",
    datasets=(*_DAM, *_SCED, "sced_smne", "as_prices"), upstream=("bess_registry",),
    columns=(
        _battery("bess_registry"),
        _interval("hour"),
        _day(),
        Column("settlement_point", "label", "node of the hour, carried over hours without a row", (("dam_gen_resources", "settlement_point"), ("dam_esr_resources", "settlement_point"))),
        Column("award_mw", "number", "day-ahead energy award; negative is a purchase", (("dam_gen_resources", "award_mw"), ("dam_esr_resources", "award_mw"))),
        *(Column(f"{p}_gen_award_mw", "number", f"day-ahead {PRODUCT_NAMES[p]} award, generation side or ESR", tuple((d, c) for d in ("dam_gen_resources", "dam_esr_resources") for c in _AWARD_COLUMNS.get(p, (f"{p}_award_mw",)))) for p in PRODUCTS),
        *(Column(f"{p}_load_award_mw", "number", f"day-ahead {PRODUCT_NAMES[p]} award, load side", tuple(("dam_load_resources", c) for c in (*_AWARD_COLUMNS.get(p, (f"{p}_award_mw",)), *(("ecrsmd_award_mw",) if p == "ecrs" else ())))) for p in PRODUCTS),
        Column("row_gap", "label", "over 24 hours in a row without a row of the battery in a file that has rows of others: 'no award', or 'unknown' where the battery was at work", _ROWS_AND_WORK),
        Column("stated_price_usd_per_mwh", "number", "settlement point price that the day-ahead row itself states; compared with the price files, and in no figure", (("dam_gen_resources", "settlement_price_usd_per_mwh"), ("dam_esr_resources", "settlement_price_usd_per_mwh"))),
        Column("day_ahead_limit_mw", "number", "high sustained limit of the day-ahead row, generation side or ESR; 0 in status OUT, null without a row", tuple((dataset, column) for dataset in ("dam_gen_resources", "dam_esr_resources") for column in ("hsl_mw", "resource_status"))),
    ),
)

BESS_DISPATCH = Table(
    name="bess_dispatch", group="extracts",
    meaning="Energy that flowed, battery by quarter-hour of the year, and the real-time AS award held. Null is unknown.",
    code_version="4", key=("battery", "interval_start"), ledger=True, coverage=("discharge_mwh", None), datasets=(*_SCED, "sced_smne", *_RUN_PRICES), upstream=("bess_registry",),
    columns=(
        _battery("bess_registry"),
        _interval("quarter-hour"),
        _day(),
        Column("discharge_mwh", "number", "energy to the grid, >= 0", (("sced_smne", "energy_mwh"), ("sced_gen_resources", "output_mw"), ("sced_gen_resources", "base_point_mw"), ("sced_esr_resources", "output_mw"))),
        Column("charge_mwh", "number", "energy from the grid, >= 0", (("sced_load_resources", "consumption_mw"), ("sced_load_resources", "base_point_mw"), ("sced_esr_resources", "output_mw"))),
        Column("discharge_source", "label", "smne, telemetry or base_point", _from("bess_dispatch", "discharge_mwh")),
        Column("charge_source", "label", "smne, telemetry or base_point", _from("bess_dispatch", "charge_mwh")),
        Column("discharge_coverage", "number", "share of the quarter-hour's 900 s in which the source is known, 0 to 1", required=True),
        Column("charge_coverage", "number", "the same for the charging side", required=True),
        Column("soc_mwh", "number", "state of charge at the quarter-hour's end, on the line between two readings at most 1,200 s apart (from 2025-12-05)", (("sced_esr_resources", "soc_mwh"),)),
        *(Column(f"{p}_rt_award_mw", "number", f"real-time {PRODUCT_NAMES[p]} award, mean of the quarter-hour (from 2025-12-05)", tuple(("sced_esr_resources", f"{part}_award_mw") for part in (("rrspfr", "rrsffr", "rrsufr") if p == "rrs" else (p,)))) for p in PRODUCTS),
        *(Column(f"{p}_rt_price_usd_per_mw", "number", f"run prices of {PRODUCT_NAMES[p]} and their adders, weighted by the real-time award; null without an award, or where a second of it has no run price", (("sced_as_prices", "mcpc_usd_per_mw"), ("sced_as_adders", f"{p}_adder_usd_per_mw"))) for p in PRODUCTS),
    ),
)

BESS_PRICES = Table(
    name="bess_prices", group="extracts",
    meaning="Settlement point prices of battery nodes, hubs and load zones, point by quarter-hour of the year.",
    key=("settlement_point", "interval_start"), ledger=True, coverage=("rt_price_usd_per_mwh", None), code_version="3",
    datasets=("rt_prices", "da_prices", "dam_gen_resources", "dam_esr_resources"),
    upstream=("bess_registry",),
    columns=(
        Column("settlement_point", "text", "node, hub or load zone", (("rt_prices", "settlement_point"), ("da_prices", "settlement_point")), required=True),
        _interval("quarter-hour"),
        _day(),
        Column("rt_price_usd_per_mwh", "number", "real-time settlement point price", (("rt_prices", "price_usd_per_mwh"),)),
        Column("da_price_usd_per_mwh", "number", "day-ahead settlement point price of the hour", (("da_prices", "price_usd_per_mwh"), *_STATED_POINT_PRICE)),
        Column("rt_price_source", "label", "where the real-time price comes from: correction, report or history", _from("bess_prices", "rt_price_usd_per_mwh")),
        Column("da_price_source", "label", "where the day-ahead price comes from: correction, report, history, or stated in award rows", _from("bess_prices", "da_price_usd_per_mwh")),
    ),
)

DAM_AWARDS_DAILY = Table(
    name="dam_awards_daily", group="daily",
    meaning="Day-ahead awards, battery by expected day. Shows all day-ahead money, matched by real time or not.",
    key=("battery", "operating_day"), upstream=("bess_registry", "bess_awards", "bess_prices"), money="da_energy_usd",
    coverage=("known_hours", "expected_hours"),
    columns=(
        _battery("bess_awards"),
        _day("bess_awards"),
        Column("settlement_point", "text", "node of the day's first hour", _from("bess_awards", "settlement_point")),
        Column("sold_mwh", "number", "day-ahead energy sold", _from("bess_awards", "award_mw")),
        Column("bought_mwh", "number", "day-ahead energy bought, >= 0", _from("bess_awards", "award_mw")),
        Column("da_energy_usd", "number", "award x day-ahead price over hours where both are known", (*_from("bess_awards", "award_mw"), *_from("bess_prices", "da_price_usd_per_mwh"))),
        *(Column(f"{p}_award_mwh", "number", f"{PRODUCT_NAMES[p]} award, MW summed over known hours, both sides", _from("bess_awards", f"{p}_gen_award_mw", f"{p}_load_award_mw")) for p in PRODUCTS),
        Column("expected_hours", "count", "hours of the day", required=True),
        Column("known_hours", "count", "hours with a known energy award", required=True),
        Column("priced_hours", "count", "hours with a known energy award and day-ahead price", required=True),
    ),
)

RT_DISPATCH_DAILY = Table(
    name="rt_dispatch_daily", group="daily",
    meaning="Energy that flowed, battery by expected day, over the quarter-hours where it is known.",
    key=("battery", "operating_day"), upstream=("bess_registry", "bess_dispatch"), coverage=("known_quarter_hours", "expected_quarter_hours"),
    columns=(
        _battery("bess_dispatch"),
        _day("bess_dispatch"),
        Column("net_mwh", "number", "discharge less charge over quarter-hours where both are known", _from("bess_dispatch", "discharge_mwh", "charge_mwh")),
        Column("discharge_mwh", "number", "energy to the grid", _from("bess_dispatch", "discharge_mwh")),
        Column("charge_mwh", "number", "energy from the grid, >= 0", _from("bess_dispatch", "charge_mwh")),
        Column("discharge_source", "text", "sources used for discharge, joined by +", _from("bess_dispatch", "discharge_source")),
        Column("charge_source", "text", "sources used for charge, joined by +", _from("bess_dispatch", "charge_source")),
        Column("expected_quarter_hours", "count", "quarter-hours of the day", required=True),
        Column("discharge_quarter_hours", "count", "quarter-hours with known discharge", required=True),
        Column("charge_quarter_hours", "count", "quarter-hours with known charge", required=True),
        Column("known_quarter_hours", "count", "quarter-hours with both known", required=True),
    ),
)

PRICE_DAILY = Table(
    name="price_daily", group="daily",
    meaning="Prices of a settlement point and operating day, and what a perfect one-cycle day-ahead trade was worth.",
    key=("settlement_point", "operating_day"), upstream=("bess_prices",), coverage=("rt_known_quarter_hours", "expected_quarter_hours"),
    columns=(
        Column("settlement_point", "text", "node, hub or load zone", _from("bess_prices", "settlement_point"), required=True),
        _day("bess_prices"),
        *(
            Column(f"{market}_{statistic}", "number", f"{name} {words}", _from("bess_prices", f"{market}_price_usd_per_mwh"))
            for market, name in (("da", "day-ahead"), ("rt", "real-time"))
            for statistic, words in (
                ("mean_usd_per_mwh", "mean of the known prices"),
                ("min_usd_per_mwh", "minimum"),
                ("max_usd_per_mwh", "maximum"),
                ("negative_share", "share of known prices below zero"),
            )
        ),
        *(Column(f"tb{n}_usd_per_mw", "number", f"sum of the {n} highest less sum of the {n} lowest hourly day-ahead prices; null if an hour is missing", _from("bess_prices", "da_price_usd_per_mwh")) for n in (1, 2, 4)),
        Column("expected_hours", "count", "hours of the day", required=True),
        Column("da_known_hours", "count", "hours with a day-ahead price", required=True),
        Column("expected_quarter_hours", "count", "quarter-hours of the day", required=True),
        Column("rt_known_quarter_hours", "count", "quarter-hours with a real-time price", required=True),
    ),
)

ENERGY_REVENUE = Table(
    name="energy_revenue", group="revenue",
    meaning="The energy ledger: battery by quarter-hour of the year. Null is unknown, and money is null outside the expected days.",
    key=("battery", "interval_start"), ledger=True, code_version="3",
    upstream=("bess_registry", "bess_awards", "bess_dispatch", "bess_prices"), money="energy_usd",
    coverage=("energy_usd", "expected"), sums=(("rt_usd", ("rt_metered_usd", "rt_da_offset_usd")), ("energy_usd", ("da_usd", "rt_usd"))),
    columns=(
        _battery("bess_registry"),
        _interval("quarter-hour"),
        _day(),
        Column("da_usd", "number", "award / 4 x day-ahead price", (*_from("bess_awards", "award_mw"), *_from("bess_prices", "da_price_usd_per_mwh"))),
        Column("rt_metered_usd", "number", "(discharge - charge) x real-time price", (*_from("bess_dispatch", "discharge_mwh", "charge_mwh"), *_from("bess_prices", "rt_price_usd_per_mwh"))),
        Column("rt_da_offset_usd", "number", "-award / 4 x real-time price", (*_from("bess_awards", "award_mw"), *_from("bess_prices", "rt_price_usd_per_mwh"))),
        Column("rt_usd", "number", "(discharge - charge - award / 4) x real-time price", _from("energy_revenue", "rt_metered_usd", "rt_da_offset_usd")),
        Column("energy_usd", "number", "da_usd + rt_usd", _from("energy_revenue", "da_usd", "rt_usd")),
        Column("charging_cost_usd", "number", "charge x real-time price; a memo, inside rt_usd already", (*_from("bess_dispatch", "charge_mwh"), *_from("bess_prices", "rt_price_usd_per_mwh"))),
        Column("da_price_source", "label", "source of the day-ahead price", _from("bess_prices", "da_price_source")),
        Column("rt_price_source", "label", "source of the real-time price", _from("bess_prices", "rt_price_source")),
        Column("implausible_price", "flag", "True if a price lies outside the plausible range; it is used all the same", _from("bess_prices", "rt_price_usd_per_mwh", "da_price_usd_per_mwh"), required=True),
        Column("expected", "flag", "True on the days for which the battery's figures are expected", _from("bess_registry", "expected_first_day", "expected_last_day"), required=True),
        Column("unknown_reason", "label", "why energy_usd is null: not expected, award unknown, unobserved, unpriced; joined by +"),
    ),
)

_AS_BY_PRODUCT = (
    Column("award_mw", "number", "day-ahead award, both sides", _from("bess_awards", "{p}_gen_award_mw", "{p}_load_award_mw")),
    Column("mcpc_usd_per_mw", "number", "day-ahead market clearing price for capacity, $/MW for the hour", (("as_prices", "mcpc_usd_per_mw"), *_STATED_MCPC)),
    Column("mcpc_source", "label", "where that price comes from: correction, report, history, or stated in award rows", _from("as_revenue", "{p}_mcpc_usd_per_mw")),
    Column("da_usd", "number", "award x day-ahead MCPC", _from("as_revenue", "{p}_award_mw", "{p}_mcpc_usd_per_mw")),
    Column("rt_usd", "number", "sum over quarter-hours of (real-time award x its price - day-ahead award x real-time MCPC) / 4; null before 2025-12-05", (*_from("as_revenue", "{p}_rt_award_usd", "{p}_award_mw"), *_RT_MCPC)),
    Column("rt_award_usd", "number", "of it the real-time award: at run prices where every second of it has one, else at the quarter-hour's MCPC", (*_from("bess_dispatch", "{p}_rt_award_mw", "{p}_rt_price_usd_per_mw"), *_RT_MCPC)),
    Column("rt_run_price_share", "number", "share of that at run prices, 0 to 1; null without a real-time award", _from("bess_dispatch", "{p}_rt_price_usd_per_mw")),
    Column("rt_mcpc_source", "label", "where the real-time MCPC of the hour's first quarter-hour comes from: correction, report, history, or run_mean, the mean of the run prices", _RT_MCPC),
    Column("revenue_usd", "number", "da_usd, and from 2025-12-05 + rt_usd; null if either is", _from("as_revenue", "{p}_da_usd", "{p}_rt_usd")),
    Column("exists", "flag", "True if the product exists in this hour and the battery is expected", required=True),
    Column("implausible_price", "flag", "True if there is an award and its MCPC lies outside the plausible range; it is used all the same", _from("as_revenue", "{p}_mcpc_usd_per_mw"), required=True),
)

AS_REVENUE = Table(
    name="as_revenue", group="revenue",
    meaning="The ancillary service ledger: battery by hour of the year, its five products side by side. Null is unknown or, before a product exists, nothing.",
    key=("battery", "interval_start"), ledger=True, code_version="4", datasets=("as_prices", "rt_as_prices", *_RUN_PRICES, "sced_esr_resources", *_DAM),
    upstream=("bess_registry", "bess_awards", "bess_dispatch"), money="revenue_usd", coverage=("revenue_usd", "exists"),
    columns=(_battery("bess_registry"), _interval("hour"), _day(), *_of_each_product(_AS_BY_PRODUCT)), by_product=_AS_BY_PRODUCT,
)


def _from_services(*names: str) -> tuple[tuple[str, str], ...]:
    """Columns of the AS ledger, each of all products."""
    return _from("as_revenue", *(column for name in names for column in AS_REVENUE.stored(name)))


LEFT_OUT_ROWS = Table(
    name="left_out_rows", group="extracts",
    meaning="Rows of the rollups that were left out, doubted, or taken for blank in part: of each dataset and kind the first 25. Affects no figure.",
    key=("dataset", "file", "row", "kind"), datasets=_DATASETS, upstream=("bess_registry", "bess_awards", "bess_dispatch", "bess_prices", "as_revenue"),
    columns=(
        Column("dataset", "label", "dataset", required=True),
        Column("file", "text", "name of the file, built/<name> where this package built it", required=True),
        Column("row", "count", "place of the row in the file, from 1", required=True),
        Column("kind", "label", "finding that counts such rows, as unusable_time or contradicting_rows", required=True),
        Column("detail", "text", "what became of the row", required=True),
        Column("says", "text", "what the row says in the columns that were read, as heading=value", required=True),
    ),
)

_AS_MONEY = tuple(
    Column(f"as_{p}{leg}_usd", "number", f"{PRODUCT_NAMES[p]} revenue, {words}", _from("as_revenue", f"{p}_{source}"))
    for leg, source, words in (("", "revenue_usd", "day-ahead and real-time"), ("_da", "da_usd", "day-ahead leg"), ("_rt", "rt_usd", "real-time leg (from 2025-12-05)"))
    for p in PRODUCTS
)
_AS_PARTS = ("as_usd", tuple(f"as_{p}_usd" for p in PRODUCTS))
_TOTAL_PARTS = ("total_usd", ("energy_usd", "as_usd"))
_PRICED = {"day-ahead energy": _from("energy_revenue", "da_price_source"), "real-time energy": _from("energy_revenue", "rt_price_source"), "day-ahead AS": _from_services("mcpc_source")}
_ENERGY_PARTS = ("energy_usd", ("da_energy_usd", "rt_energy_usd"))

DAILY_REVENUE = Table(
    name="daily_revenue", group="leaderboard",
    meaning="What each battery earned on each expected day, with the counts that say how much of the day is known.",
    code_version="6", key=("battery", "operating_day"), upstream=("bess_registry", "bess_awards", "bess_dispatch", "energy_revenue", "as_revenue", "price_daily"),
    money="total_usd", coverage=("energy_quarter_hours", "expected_quarter_hours"), sums=(_ENERGY_PARTS, _AS_PARTS, _TOTAL_PARTS),
    columns=(
        _battery("energy_revenue"),
        _day("energy_revenue"),
        Column("settlement_point", "text", "node of the day's first hour", _from("bess_awards", "settlement_point")),
        Column("da_energy_usd", "number", "day-ahead energy, matched quarter-hours", _from("energy_revenue", "da_usd")),
        Column("rt_energy_usd", "number", "real-time energy, matched quarter-hours", _from("energy_revenue", "rt_usd")),
        Column("energy_usd", "number", "da_energy_usd + rt_energy_usd", _from("daily_revenue", "da_energy_usd", "rt_energy_usd")),
        *_AS_MONEY,
        Column("as_usd", "number", "all products that exist; null if one is unknown", _from("daily_revenue", *(f"as_{p}_usd" for p in PRODUCTS))),
        Column("total_usd", "number", "energy_usd + as_usd; null if one is", _from("daily_revenue", "energy_usd", "as_usd")),
        Column("da_unmatched_usd", "number", "day-ahead energy money of quarter-hours without a real-time leg; in no total", _from("energy_revenue", "da_usd", "energy_usd")),
        Column("as_da_unmatched_usd", "number", "day-ahead AS money of hours without a real-time leg; in no total", _from_services("da_usd", "revenue_usd")),
        Column("rt_metered_usd", "number", "real-time value of the energy that flowed, known without awards", _from("energy_revenue", "rt_metered_usd")),
        Column("charging_cost_usd", "number", "charge x real-time price; a memo, inside rt_energy_usd already", _from("energy_revenue", "charging_cost_usd")),
        Column("discharge_mwh", "number", "energy to the grid, priced or not", _from("bess_dispatch", "discharge_mwh")),
        Column("charge_mwh", "number", "energy from the grid, >= 0", _from("bess_dispatch", "charge_mwh")),
        Column("paired_discharge_mwh", "number", "discharge of quarter-hours where charge is known too", _from("bess_dispatch", "discharge_mwh", "charge_mwh")),
        Column("paired_charge_mwh", "number", "charge of quarter-hours where discharge is known too", _from("bess_dispatch", "discharge_mwh", "charge_mwh")),
        Column("unpriced_mwh", "number", "discharge + charge of quarter-hours without a real-time price", _from("bess_dispatch", "discharge_mwh", "charge_mwh")),
        Column("tb2_usd_per_mw", "number", "TB2 of the node and day", _from("price_daily", "tb2_usd_per_mw")),
        Column("as_rt_award_usd", "number", "real-time AS awards at their prices; a part of the real-time legs", _from_services("rt_award_usd")),
        Column("as_rt_run_usd", "number", "of it at run prices", _from_services("rt_award_usd", "rt_run_price_share")),
        Column("award_positive", "flag", "True if any day-ahead award of the day is > 0", _from("bess_awards", "award_mw"), required=True),
        Column("expected_quarter_hours", "count", "quarter-hours of the day", required=True),
        Column("energy_quarter_hours", "count", "quarter-hours with energy_usd known", _from("energy_revenue", "energy_usd"), required=True),
        Column("discharge_quarter_hours", "count", "quarter-hours with discharge known", required=True),
        Column("unobserved_quarter_hours", "count", "quarter-hours with discharge or charge unknown", required=True),
        Column("unpriced_quarter_hours", "count", "quarter-hours without a real-time or day-ahead price", required=True),
        Column("award_unknown_quarter_hours", "count", "quarter-hours whose day-ahead award is unknown", _from("energy_revenue", "unknown_reason"), required=True),
        Column("implausible_quarter_hours", "count", "quarter-hours with an implausible price, used all the same", _from("energy_revenue", "implausible_price"), required=True),
        Column("implausible_as_hours", "count", "product hours with an award and an implausible MCPC, used all the same", _from_services("implausible_price"), required=True),
        Column("gap_hours", "count", "hours in which a day-ahead file lacks rows of the battery for over a day", _from("bess_awards", "row_gap"), required=True),
        Column("gap_unknown_hours", "count", "those of them in which the award is unknown", _from("bess_awards", "row_gap"), required=True),
        *(
            Column(name, "count", f"{'product hours with an award' if market == 'day-ahead AS' else 'quarter-hours'} whose price of {market} has the source {source}", _PRICED[market], required=True)
            for market, counts in PRICE_COUNTS.items()
            for source, name in counts.items()
        ),
        Column("combo_quarter_hours", "count", "quarter-hours settled by the combo model", required=True),
        *(
            Column(f"{side}_{source}_quarter_hours", "count", f"quarter-hours whose {side} comes from {source}", _from("bess_dispatch", f"{side}_source"), required=True)
            for side in ("discharge", "charge")
            for source in ("smne", "telemetry", "base_point")
        ),
        Column("expected_hours", "count", "hours of the day", required=True),
        Column("as_hours", "count", "hours with AS known for every product that exists", _from_services("revenue_usd"), required=True),
        *(Column(f"{p}_expected_hours", "count", f"hours of the day in which {PRODUCT_NAMES[p]} exists", _from("as_revenue", f"{p}_exists"), required=True) for p in PRODUCTS),
        *(Column(f"{p}_hours", "count", f"hours with {PRODUCT_NAMES[p]} revenue known", _from("as_revenue", f"{p}_revenue_usd"), required=True) for p in PRODUCTS),
    ),
)

_PER_SIZE = (*_from("daily_revenue", "total_usd", "award_positive", "discharge_mwh"), *_from("bess_registry", "capacity_mw"))
_COMPONENTS = _from("daily_revenue", "da_energy_usd", "rt_energy_usd", *(f"as_{p}_usd" for p in PRODUCTS))
_RANKED_BY = (
    *_from("daily_revenue", "total_usd", "energy_quarter_hours", "as_hours", "award_positive"),
    *_from("bess_registry", "settlement_point", "charging", "capacity_mw"),
)

_BOARD_COLUMNS = (
    Column("rank", "count", "1 is the highest total_usd among ranked batteries; empty if not ranked", _RANKED_BY),
    _battery("bess_registry"),
    *(Column(n, "text", m, _from("bess_registry", n)) for n, m in (
        ("gen_resource", "generation resource (combo model)"),
        ("load_resource", "accepted load resource (combo model)"),
        ("esr_resource", "energy storage resource (RTC+B)"),
    )),
    *_carried(BESS_REGISTRY, "settlement_point", "qse"),
    Column("capacity_mw", "number", "MW, see capacity_source", _from("bess_registry", "capacity_mw")),
    Column("energy_mwh", "number", "MWh; empty where unknown", _from("bess_registry", "energy_mwh")),
    Column("duration_hours", "number", "energy_mwh / capacity_mw; 4.0 where assumed", _from("bess_registry", "duration_hours")),
    Column("duration_source", "label", "user, ercot, or assumed (used in no metric)", _from("bess_registry", "duration_source"), required=True),
    Column("duration_class", "label", "class of duration_hours, bounds 1.25, 1.75 and 2.5 h, a bound belonging to the class above; empty where assumed", _from("bess_registry", "duration_hours", "duration_source")),
    Column("first_active_date", "day", "first day of the year with an award > 0 or 0.1 h of discharge", _from("daily_revenue", "award_positive", "discharge_mwh")),
    Column("active_days", "count", "operating days from it to the end of the seen period", (*_from("daily_revenue", "operating_day", "award_positive", "discharge_mwh"), *_from("bess_registry", "expected_last_day")), required=True),
    *_carried(DAILY_REVENUE, "da_energy_usd", "rt_energy_usd", "energy_usd", "charging_cost_usd", *(column.name for column in _AS_MONEY)),
    Column("as_usd", "number", "all products that exist; empty if one is unknown", _from("daily_revenue", *(f"as_{p}_usd" for p in PRODUCTS))),
    Column("total_usd", "number", "energy_usd + as_usd; empty if one is", _from("daily_revenue", "energy_usd", "as_usd")),
    Column("usd_per_mw", "number", "total_usd / capacity_mw, not annualised", _PER_SIZE),
    Column("usd_per_kw_month", "number", "usd_per_kw_year / 12; on the monthly board scaled from active days to the month", _PER_SIZE),
    Column("usd_per_kw_month_percentile", "number", "share of the other ranked batteries with a lower usd_per_kw_month, equal ones counting half; 0 to 1, empty if not ranked", _PER_SIZE),
    Column("class_median_usd_per_kw_month", "number", "median usd_per_kw_month of the ranked batteries of its duration class, itself included", (*_PER_SIZE, *_from("bess_registry", "duration_hours", "duration_source"))),
    Column("usd_per_kw_year", "number", "total_usd / kW scaled from active days to the year; empty under 30 active days (month: 10)", _PER_SIZE),
    Column("usd_per_mwh_discharged", "number", "total_usd / discharge_mwh; empty under 1 MWh", _from("daily_revenue", "total_usd", "discharge_mwh")),
    *_carried(DAILY_REVENUE, "discharge_mwh", "charge_mwh"),
    Column("cycles_per_day", "number", "discharge / energy_mwh per observed day; empty without energy_mwh", _from("daily_revenue", "discharge_mwh", "discharge_quarter_hours")),
    Column("round_trip_efficiency", "number", "discharge / charge where both are known; empty under 5 cycles", _from("daily_revenue", "paired_discharge_mwh", "paired_charge_mwh")),
    Column("tb2_usd", "number", "capacity x sum of TB2 over well-covered active days", _from("daily_revenue", "tb2_usd_per_mw")),
    Column("tb2_capture", "number", "energy_usd of those days / tb2_usd; may be negative or above 1", _from("daily_revenue", "energy_usd")),
    Column("energy_share", "number", "share of energy in the positive components", _COMPONENTS),
    Column("top_as_product", "label", "ancillary service of largest positive revenue", _from("daily_revenue", *(f"as_{p}_usd" for p in PRODUCTS))),
    Column("strategy", "label", "energy_arbitrage, hybrid, ancillary_services or inactive", (*_COMPONENTS, *_from("bess_registry", "capacity_mw"))),
    Column("best_day_share", "number", "largest day's total_usd / total_usd", _from("daily_revenue", "total_usd")),
    Column("energy_coverage", "number", "share of expected quarter-hours with energy_usd known", _from("daily_revenue", "energy_quarter_hours", "expected_quarter_hours"), required=True),
    Column("as_coverage", "number", "share of expected hours with every product known", _from("daily_revenue", "as_hours", "expected_hours"), required=True),
    Column("quantity_source", "text", "sources of discharge/charge", _from("daily_revenue", *(f"{side}_{source}_quarter_hours" for side in ("discharge", "charge") for source in ("smne", "telemetry", "base_point")))),
    Column("capacity_source", "label", "user, dam, sced, cop, load", _from("bess_registry", "capacity_source")),
    Column("da_unmatched_usd", "number", "day-ahead energy money without a real-time leg; in no total", _from("daily_revenue", "da_unmatched_usd")),
    Column("as_da_unmatched_usd", "number", "day-ahead AS money without a real-time leg; in no total", _from("daily_revenue", "as_da_unmatched_usd")),
    Column("rt_as_run_price_share", "number", "share of the real-time AS awards' dollars that is at run prices; the rest is at the prices of quarter-hours", _from("daily_revenue", "as_rt_award_usd", "as_rt_run_usd")),
    Column("rt_metered_usd", "number", "real-time value of the energy that flowed", _from("daily_revenue", "rt_metered_usd")),
    Column("data_through", "day", "last operating day of the data", _from("bess_registry", "data_through"), required=True),
    Column("edition", "label", "final or preliminary", _from("bess_registry", "edition"), required=True),
    Column("attributes", "text", "JSON: further columns of the battery table, such as owner or contract, with their last value of the year", _from("bess_registry", "attributes")),
    Column("notes", "text", "what a reader should know, joined by a semicolon", (*_from("bess_registry", "notes"), *_from("daily_revenue", "total_usd", "implausible_quarter_hours", "implausible_as_hours"))),
    Column("excluded_reason", "text", "why it is not ranked, joined by a semicolon", _RANKED_BY),
)

LEADERBOARD = Table(
    name="leaderboard", group="leaderboard",
    meaning="Every battery seen in the year, ranked by what it earned; those that can't be ranked fairly follow, with the reason.",
    code_version="8", key=("battery",), sort=("board_order",), upstream=("bess_registry", "daily_revenue"), money="total_usd", coverage=("total_usd", None),
    sums=(_ENERGY_PARTS, _AS_PARTS, _TOTAL_PARTS),
    columns=_BOARD_COLUMNS,
)

LEADERBOARD_MONTHLY = Table(
    name="leaderboard_monthly", group="leaderboard",
    meaning="The leaderboard of each month of the year.",
    code_version="8", key=("month", "battery"), sort=("month", "board_order"), upstream=("bess_registry", "daily_revenue"), money="total_usd",
    coverage=("total_usd", None), sums=(_ENERGY_PARTS, _AS_PARTS, _TOTAL_PARTS),
    columns=(Column("month", "count", "1 to 12", required=True), *_BOARD_COLUMNS),
)

LEADERBOARD_HISTORY = Table(
    name="leaderboard_history", group="leaderboard",
    meaning="Every edition of the year's leaderboard, oldest first. A board is added if it differs from the last one kept; nothing makes this table again.",
    key=("edition_number", "battery"), sort=("edition_number", "board_order"), upstream=("leaderboard",), append_only=True,
    columns=(
        Column("edition_number", "count", "1 is the first edition of the year", required=True),
        Column("made_at", "time", "when the leaderboard was made, UTC", required=True),
        Column("package_version", "text", "version of bess-assets that made it", required=True),
        Column("board_digest", "text", "SHA-256 of the leaderboard's file", required=True),
        Column("inputs", "text", "JSON: name of each rollup file that the board was made of, and registry_csv for the battery table, each with its digest", required=True),
        Column("before_digest", "text", "SHA-256 of the rows of the edition before, so that a past that was changed is seen; empty in the first edition, and in those made before it was kept"),
        # Earlier versions may not have had a column that is required now.
        *(replace(column, sources=_from("leaderboard", column.name), required=column.name == "battery") for column in _BOARD_COLUMNS),
        Column("former_columns", "text", "JSON: what the edition has in columns that boards no longer have; empty if there are none"),
    ),
)


WHAT_CHANGED = Table(
    name="what_changed", group="leaderboard",
    meaning="Which batteries moved between the last two editions of the year's leaderboard, by how much, and because of which input. Empty with one edition.",
    key=("battery",), upstream=("leaderboard_history",), money="total_usd_change",
    columns=(
        _battery("leaderboard_history"),
        Column("edition_before", "count", "number of the earlier edition", _from("leaderboard_history", "edition_number"), required=True),
        Column("edition_after", "count", "number of the later edition", _from("leaderboard_history", "edition_number"), required=True),
        *(
            Column(f"{name}_{when}", "count" if name == "rank" else "number", f"{name}{words}", _from("leaderboard_history", name))
            for name in ("rank", "total_usd", "energy_usd", "as_usd")
            for when, words in (("before", " in the earlier edition"), ("after", " in the later edition"), ("change", ", later less earlier; empty if one of them is"))
            if (name, when) != ("rank", "change")
        ),
        Column("moved", "text", "columns of the board that moved, joined by a comma; or appeared, vanished", tuple(_from("leaderboard_history", *(c.name for c in _BOARD_COLUMNS))), required=True),
        Column("because", "text", "inputs that changed between the editions and feed those columns, joined by a semicolon", _from("leaderboard_history", "inputs", "package_version"), required=True),
    ),
)

_RATED = (*_from("daily_revenue", "award_positive", "discharge_mwh"), *_from("leaderboard_monthly", "rank", "capacity_mw", "first_active_date"), *_from("leaderboard", "rank", "capacity_mw", "first_active_date"))

INDEX = Table(
    name="index", group="why", code_version="3",
    meaning="What a kW of batteries earned in each day, month and year: the fleet and classes of it, on two bases, by stream, with percentiles.",
    key=("kind", "class", "period", "first_day", "basis"), upstream=("daily_revenue", "leaderboard", "leaderboard_monthly"), coverage=("usd_per_kw_month", None),
    columns=(
        Column("kind", "label", "fleet; or what the class is by: duration, strategy, zone (of the battery table)", required=True),
        Column("class", "label", "fleet; or the duration class, the strategy, the zone", (*_from("leaderboard", "duration_hours", "strategy", "attributes"), *_from("leaderboard_monthly", "duration_hours", "strategy", "attributes")), required=True),
        Column("period", "label", "day, month or year", required=True),
        Column("first_day", "day", "first day of it", _from("daily_revenue", "operating_day"), required=True),
        Column("basis", "label", "installed: over MW since first active; active: over MW at work on the day", required=True),
        Column("batteries", "count", "batteries with a day that counts", _RATED, required=True),
        Column("capacity_mw", "number", "their MW, mean of the days of the period that the year has", _RATED),
        Column("usd_per_kw_month", "number", "dollars of all streams over kW, as a month", (*_COMPONENTS, *_RATED)),
        *(Column(f"{stream}_usd_per_kw_month", "number", f"of it {stream}_usd", (*_from("daily_revenue", f"{stream}_usd"), *_RATED)) for stream in ("da_energy", "rt_energy", *(f"as_{p}" for p in PRODUCTS))),
        *(Column(f"p{p}_usd_per_kw_month", "number", f"percentile {p} of the batteries' own, each counting once", (*_COMPONENTS, *_RATED)) for p in (10, 25, 50, 75, 90)),
        Column("definition", "label", "what the row divides by what, in words", required=True),
    ),
)

INDEX_INTERVALS = Table(
    name="index_intervals", group="why",
    meaning="What a kW of the fleet and of each duration class earned in each quarter-hour: installed MW of the ranked batteries of the month's board.",
    key=("class", "interval_start"), ledger=True, upstream=("bess_registry", "energy_revenue", "as_revenue", "leaderboard", "leaderboard_monthly"), coverage=("usd_per_kw", None),
    columns=(
        Column("class", "text", "fleet, or the duration class", _from("leaderboard_monthly", "duration_hours", "duration_source"), required=True),
        _interval("quarter-hour"),
        _day(),
        Column("batteries", "count", "ranked batteries of the month that were active before", (*_from("leaderboard", "first_active_date"), *_from("leaderboard_monthly", "rank")), required=True),
        Column("capacity_mw", "number", "their MW", _from("leaderboard_monthly", "capacity_mw")),
        Column("usd_per_kw", "number", "their dollars of all streams in the quarter-hour over their kW; times the days of the month, the sum of a day is its index on installed MW", (*_from("energy_revenue", "energy_usd"), *_from_services("revenue_usd"), *_from("leaderboard_monthly", "capacity_mw"))),
        *(Column(f"{stream}_usd_per_kw", "number", f"of it {stream}_usd{'' if 'energy' in stream else ', a quarter of its hour'}", _from("energy_revenue", f"{stream[:2]}_usd", "energy_usd") if "energy" in stream else _from("as_revenue", f"{stream.removeprefix('as_')}_revenue_usd")) for stream in ("da_energy", "rt_energy", *(f"as_{p}" for p in PRODUCTS))),
    ),
)

_OF_LIMITS = (*_from("bess_awards", "day_ahead_limit_mw"), *_from("bess_registry", "capacity_mw"))

OUTAGES = Table(
    name="outages", group="why",
    meaning="Hours in a row in which a battery was out by the day-ahead files: status OUT, or the high sustained limit of its row below half of its capacity.",
    code_version="4", key=("battery", "first_hour"), upstream=("bess_registry", "bess_awards"),
    columns=(
        _battery("bess_registry"),
        Column("first_hour", "time", "start of its first hour, UTC", required=True),
        Column("hours", "count", "how many", _OF_LIMITS, required=True),
        Column("end", "time", "end of its last hour, UTC", required=True),
        Column("out_mw", "number", "capacity less the limit, which is 0 in status OUT, mean of its hours", _OF_LIMITS, required=True),
    ),
)

USE_MONTHLY = Table(
    name="use_monthly", group="why",
    meaning="How each battery was used in each month: availability, services held, throughput, discharges by depth; and its energy money beside top-bottom spreads of the same days.",
    code_version="4", key=("battery", "month"),
    upstream=("bess_registry", "bess_awards", "bess_dispatch", "bess_prices", "energy_revenue", "as_revenue"), coverage=("limit_hours", "expected_hours"),
    columns=(
        _battery("bess_registry"),
        Column("month", "count", "1 to 12", required=True),
        *_carried(BESS_REGISTRY, "capacity_mw"),
        Column("expected_hours", "count", "hours of the expected days", required=True),
        Column("limit_hours", "count", "of them those with a high sustained limit in the day-ahead files", _OF_LIMITS, required=True),
        Column("out_hours", "count", "of these those in status OUT, or with a limit below half of the capacity", _OF_LIMITS, required=True),
        Column("outages", "count", "stretches of such hours that began in the month", _OF_LIMITS, required=True),
        Column("as_known_hours", "count", "hours whose day-ahead AS awards are known", _from_services("award_mw", "exists"), required=True),
        Column("as_hours", "count", "of them those with an award", _from_services("award_mw"), required=True),
        Column("as_up_mwh", "number", "upward day-ahead AS awards, MW summed over the known hours; null where none is known", _from("as_revenue", *(f"{p}_award_mw" for p in PRODUCTS if p != "regdn"))),
        Column("as_down_mwh", "number", "the same of regulation down", _from("as_revenue", "regdn_award_mw")),
        Column("flow_quarter_hours", "count", "quarter-hours of the expected days in which discharge or charge is known", _from("bess_dispatch", "discharge_mwh", "charge_mwh"), required=True),
        Column("throughput_mwh", "number", "discharge + charge of them; null where none is known", _from("bess_dispatch", "discharge_mwh", "charge_mwh")),
        *(Column(f"discharges_{name}", "count", f"discharges that ended in the month with a depth of {words} of the MWh", (*_from("bess_dispatch", "discharge_mwh", "charge_mwh"), *_from("bess_registry", "energy_mwh"))) for name, words in (("under_25", "under 25 %"), ("25_to_50", "25 to 50 %"), ("50_to_75", "50 to 75 %"), ("over_75", "75 % and more"))),
        *(
            column
            for basis, name, money, since in (("da", "day-ahead", "da_usd", ", from 2025-12-06"), ("rt", "real-time", "rt_metered_usd", ""))
            for column in (
                Column(f"tb_{basis}_days", "count", f"days on which all {name} energy money is known{since}", _from("energy_revenue", money), required=True),
                Column(f"tb_{basis}_actual_usd", "number", f"that money: {'awards at day-ahead prices' if basis == 'da' else 'what flowed, at real-time prices'}", _from("energy_revenue", money)),
                *(Column(f"tb{n}_{basis}_usd", "number", f"capacity x sum over these days of TB{n} of {name} prices", (*_from("bess_prices", f"{basis}_price_usd_per_mwh"), *_from("bess_registry", "capacity_mw"))) for n in TB_HOURS),
            )
        ),
    ),
)

_EXCHANGED = (
    *_from("leaderboard", "usd_per_kw_month", "duration_class", "first_active_date", "active_days"), *_from("leaderboard_monthly", "usd_per_kw_month", "duration_class", "first_active_date", "active_days"),
    *_from("energy_revenue", "energy_usd"), *_from_services("award_mw", "revenue_usd"), *_from("bess_awards", "award_mw", "settlement_point"),
    *_from("bess_dispatch", "discharge_mwh", "charge_mwh"), *_from("bess_prices", "rt_price_usd_per_mwh", "da_price_usd_per_mwh"), *_OF_LIMITS,
)

ATTRIBUTION = Table(
    name="attribution", group="why", code_version="5",
    meaning="What each battery earned in each month, and in the year, beside the median of its duration class: the difference as terms that add up to it.",
    key=("battery", "period", "first_day"),
    upstream=("bess_registry", "bess_awards", "bess_dispatch", "bess_prices", "energy_revenue", "as_revenue", "leaderboard", "leaderboard_monthly"),
    money="difference_usd", coverage=("difference_usd", None),
    columns=(
        _battery("leaderboard"),
        Column("period", "text", "month or year", required=True),
        Column("first_day", "day", "first day of it", required=True),
        Column("duration_class", "label", "duration class on the board of the period", (*_from("leaderboard", "duration_class"), *_from("leaderboard_monthly", "duration_class")), required=True),
        Column("median_batteries", "text", "the reference: the ranked battery of the class whose $/kW-month is the median, or the two in the middle, joined by a semicolon; terms are the mean against both", (*_from("leaderboard", "usd_per_kw_month"), *_from("leaderboard_monthly", "usd_per_kw_month")), required=True),
        *_carried(BESS_REGISTRY, "capacity_mw"),
        Column("total_usd", "number", "total_usd of the board of the period", (*_from("leaderboard", "total_usd"), *_from("leaderboard_monthly", "total_usd")), required=True),
        Column("median_usd", "number", "the median $/kW of the class x kW of the battery, for its active days", (*_from("leaderboard", "class_median_usd_per_kw_month", "active_days"), *_from("leaderboard_monthly", "class_median_usd_per_kw_month", "active_days")), required=True),
        Column("difference_usd", "number", "total_usd less median_usd; the sum of the terms that follow", (*_from("leaderboard", "total_usd", "class_median_usd_per_kw_month"), *_from("leaderboard_monthly", "total_usd", "class_median_usd_per_kw_month")), required=True),
        *(Column(f"{term}_usd", "number", words, _EXCHANGED, required=True) for term, words in ATTRIBUTED.items()),
        Column("compared_hours", "number", "hours in which both are active, and neither or both out; of two references the mean, as in the columns that follow", _EXCHANGED, required=True),
        Column("availability_hours", "number", "hours in which both are active, and one of the two is out", _OF_LIMITS, required=True),
        Column("unknown_hours", "number", "quarter-hours of all these hours of which something is unknown of one, as hours", _EXCHANGED, required=True),
    ),
)

OPPORTUNITY_DAILY = Table(
    name="opportunity_daily", group="why",
    meaning="What public prices of each day offered a MW of each battery, also on the 60 days after the last one that ERCOT has disclosed.",
    key=("battery", "operating_day"), datasets=("as_prices", "rt_as_prices"), upstream=("bess_registry", "bess_awards", "bess_prices"), coverage=("rt_tb_usd_per_mw", None),
    columns=(
        _battery("bess_registry"),
        _day("bess_prices"),
        Column("disclosed", "flag", "True on the days for which figures are expected; False after the last disclosed one", _from("bess_registry", "expected_last_day", "data_through"), required=True),
        Column("spread_hours", "count", "n of the spreads: 1 below 1.25 h, 4 from 2.5 h, else 2", _from("bess_registry", "duration_hours", "duration_source"), required=True),
        *(Column(f"{market}_tb_usd_per_mw", "number", f"TBn of {name} prices at its node: the n highest less the n lowest {words}", _from("bess_prices", f"{market}_price_usd_per_mwh")) for market, name, words in (("da", "day-ahead", "hours"), ("rt", "real-time", "hours of quarter-hours"))),
        *(Column(f"{p}_da_usd_per_mw", "number", f"day-ahead MCPC of {PRODUCT_NAMES[p]} summed over the day; 0 before the product exists", (("as_prices", "mcpc_usd_per_mw"),)) for p in PRODUCTS),
        *(Column(f"{p}_rt_usd_per_mw", "number", "the same of real time; 0 before 2025-12-05", (("rt_as_prices", "mcpc_usd_per_mw"),)) for p in PRODUCTS),
    ),
)

_OFFERED = _from("opportunity_daily", "da_tb_usd_per_mw", "rt_tb_usd_per_mw", *(f"{p}_{leg}_usd_per_mw" for leg in ("da", "rt") for p in PRODUCTS))
_ESTIMATED = (*_OFFERED, *_from("daily_revenue", "energy_usd", *(f"as_{p}_{leg}_usd" for leg in ("da", "rt") for p in PRODUCTS)))
_MISSED = (*_ESTIMATED, *_from("daily_revenue", "total_usd"))

ESTIMATE_MONTHLY = Table(
    name="estimate_monthly", group="why",
    meaning="An estimate of what each battery earned in each month as if ERCOT had not disclosed it yet, with an 80 % interval, beside what it earned where that is known, and the error. In no board.",
    key=("battery", "month"), upstream=("bess_registry", "daily_revenue", "opportunity_daily"), before=("opportunity_daily", "daily_revenue"), coverage=("estimate_usd", None),
    columns=(
        _battery("bess_registry"),
        Column("month", "count", "1 to 12", required=True),
        Column("closed", "flag", "True if all its days are disclosed: then the estimate is a backtest. Else it is of the days that are not", _from("opportunity_daily", "disclosed"), required=True),
        Column("expected_days", "count", "days of the battery in the month; in one that is not closed those not disclosed", _from("opportunity_daily", "operating_day", "disclosed"), required=True),
        Column("estimated_days", "count", "of them those that are estimated, and known in a closed month", _MISSED, required=True),
        Column("estimate_usd", "number", "estimate of total_usd on these days", _ESTIMATED),
        Column("low_usd", "number", "lower end of its 80 % interval", _MISSED),
        Column("high_usd", "number", "upper end", _MISSED),
        Column("actual_usd", "number", "total_usd of the same days in a closed month", _from("daily_revenue", "total_usd")),
        Column("own_closed_months", "count", "closed months of the battery that were estimated, of this year and the year before", _MISSED, required=True),
        Column("own_error", "number", "median of |estimate / actual - 1| over these", _MISSED),
        Column("closed_months", "count", "such months of all batteries of the year", _MISSED, required=True),
        Column("error", "number", "median of |estimate / actual - 1| over these", _MISSED),
        Column("interval_held", "number", "share of these in which the interval held what was earned", _MISSED),
        Column("data_through", "day", "last disclosed operating day", _from("bess_registry", "data_through"), required=True),
        Column("reason", "text", "why there is no estimate, or no interval", _ESTIMATED),
    ),
)

_BASES = {
    "da": ("day-ahead", "Awards at day-ahead prices", "From 2025-12-06 on: before it awards hold no purchases", _from("energy_revenue", "da_usd"), _from("bess_prices", "da_price_usd_per_mwh")),
    "rt": ("real-time", "What flowed, at real-time prices", "", _from("energy_revenue", "rt_metered_usd"), _from("bess_prices", "rt_price_usd_per_mwh")),
    "energy": ("two-settlement", "Day-ahead and real-time energy as settled", "", _from("energy_revenue", "energy_usd"), _from("bess_prices", "rt_price_usd_per_mwh", "da_price_usd_per_mwh")),
    "total": ("energy and AS: an upper bound of a simplified market", "Energy and AS", "From 2025-12-05 on", _from("daily_revenue", "total_usd"), (*_from("bess_prices", "rt_price_usd_per_mwh", "da_price_usd_per_mwh"), *_from_services("mcpc_usd_per_mw"), ("rt_as_prices", "mcpc_usd_per_mw"))),
}

PERFECT_DAILY = Table(
    name="perfect_daily", group="why",
    meaning="What each battery earned on each expected day, and the most that its MW, MWh and efficiency could have earned at the same prices. No board waits for it.",
    key=("battery", "operating_day"), upstream=("bess_registry", "bess_awards", "bess_prices", "dam_awards_daily", "price_daily", "energy_revenue", "as_revenue", "daily_revenue", "leaderboard"),
    datasets=("rt_as_prices",), money="energy_perfect_usd", coverage=("energy_perfect_usd", None),
    columns=(
        _battery("bess_registry"),
        _day("energy_revenue"),
        Column("efficiency", "number", "MWh discharged / MWh charged that the perfect trade has", _from("leaderboard", "round_trip_efficiency"), required=True),
        Column("efficiency_source", "label", "measured (over the year, 0.5 to 1), or default: 0.85", _from("leaderboard", "round_trip_efficiency"), required=True),
        *(
            column
            for basis, (name, words, since, actual, prices) in _BASES.items()
            for column in (
                Column(PERFECT[basis][0], "number", f"{words.lower()}; null on a day of which an interval is unknown, or the MW or MWh", actual),
                Column(PERFECT[basis][1], "number", f"the most that could have been earned on these prices, {name}; null where {PERFECT[basis][0]} is. {since}".strip(), (*prices, *_from("bess_registry", "capacity_mw", "energy_mwh"), *_from("leaderboard", "round_trip_efficiency"))),
            )
        ),
    ),
)

PERFECT_MONTHLY = Table(
    name="perfect_monthly", group="why",
    meaning="The days of perfect_daily summed by battery and month, and the most that one trade through all of them could have earned.",
    key=("battery", "month"), upstream=("bess_registry", "bess_awards", "bess_prices", "leaderboard", "perfect_daily"), money="energy_perfect_usd", coverage=("energy_days", "expected_days"),
    columns=(
        _battery("bess_registry"),
        Column("month", "count", "1 to 12", required=True),
        Column("expected_days", "count", "days on which the battery is expected", required=True),
        *(
            column
            for basis, (name, words, _, _, _) in _BASES.items()
            for column in (
                Column(f"{basis}_days", "count", f"of them those that count on the {name} basis; the others are left out", _from("perfect_daily", PERFECT[basis][1]), required=True),
                Column(PERFECT[basis][0], "number", f"{words.lower()}, of these days", _from("perfect_daily", PERFECT[basis][0])),
                Column(PERFECT[basis][1], "number", f"the most that could have been earned on them, {name}, each day for itself", _from("perfect_daily", PERFECT[basis][1])),
                *([Column(MONTH_LONG[basis], "number", f"the most that one trade through these days could have earned, {name}, state of charge carried over, and equal at both ends", (*_from("perfect_daily", PERFECT[basis][1], "efficiency"), *_from("bess_prices", "rt_price_usd_per_mwh")))] if basis in MONTH_LONG else []),
            )
        ),
    ),
)

TABLES = {table.name: table for table in list(globals().values()) if isinstance(table, Table)}
"""All tables of rows, those declared above, by name, upstream before downstream."""

LEADERBOARD_REPORT = Table(
    name="leaderboard_report", group="leaderboard",
    meaning="The year for people: one page that opens by double click, a workbook, and the boards as CSV and Parquet.",
    upstream=("leaderboard", "leaderboard_monthly", "daily_revenue", "leaderboard_history", "index", "outages", "use_monthly", "attribution", "estimate_monthly", "perfect_monthly"),
    earlier=("leaderboard", "leaderboard_monthly"), code_version="9",
    files=(
        "leaderboard_{year}.html", "leaderboard_{year}.xlsx", "leaderboard_{year}.csv", "leaderboard_monthly_{year}.csv",
        "leaderboard_{year}.parquet", "leaderboard_monthly_{year}.parquet",
    ),
)

EVERY_TABLE = TABLES | {LEADERBOARD_REPORT.name: LEADERBOARD_REPORT}
"""All tables of rows, and those of files, by name."""

ASKED_FOR = {table.name: table for table in (PERFECT_DAILY, PERFECT_MONTHLY)}
"""Tables of a year that a refresh makes where `BESS_PERFECT` is on, and keeps up where they were made before: they take half as long as all others together."""

YEARLY = {name: table for name, table in EVERY_TABLE.items() if not table.merged and name not in ASKED_FOR}
"""What every refresh of one year makes, upstream before downstream."""


def lineage(table: Table, column: str, through: Collection[str] = TABLES) -> list[tuple[str, str]]:
    """(table or dataset, column) pairs that a column comes from, itself first: its declared sources, and the sources of those in the tables `through`."""
    found = [(table.name, column)]
    for name, of in found:  # grows while it is followed
        if name in through:
            found += [pair for pair in TABLES[name].column(of).sources if pair not in found]
    return found


def tables_above(table: Table) -> list[str]:
    """Names of the tables that a table is made from, directly or not, upstream before downstream."""
    above = set(table.upstream).union(*(tables_above(TABLES[name]) for name in table.upstream))
    return [name for name in TABLES if name in above]
