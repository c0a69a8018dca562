"""One battery on one day by quarter-hour: prices, awards, flows, state of charge and dollars in one row, from the extracts and the ledgers."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from bess_assets.ercot.products import PRODUCTS
from bess_assets.results.answers import Answer
from bess_assets.results.engine import literal, read

TABLES_READ = ("energy_revenue", "as_revenue", "bess_dispatch", "bess_awards", "bess_prices")
NET_MW = "4 * (discharge_mwh - charge_mwh)"
"""Mean power of a quarter-hour, discharge positive, as SQL."""
_CENTRAL = ZoneInfo("America/Chicago")
_OF_THE_DISPATCH = ("discharge_mwh", "charge_mwh", "discharge_source", "charge_source", "soc_mwh")


def statement(files: Mapping[str, Path], battery: str, day: date) -> str:
    """The statement that gives the quarter-hours of a battery's day, by the files of `TABLES_READ`.

    Ancillary services are settled by hour: each quarter-hour has a quarter of the dollars of its hour, unknown where a product that exists is.
    """

    def of_day(table: str) -> str:
        return f"(FROM {read([files[table]])} WHERE battery = {literal(battery)} AND operating_day = DATE '{day}')"

    def of_services(name: str) -> str:
        return " + ".join(f"CASE WHEN {p}_exists THEN {p}_{name} ELSE 0 END" for p in PRODUCTS)

    services = (
        f"SELECT interval_start AS hour, ({of_services('revenue_usd')}) / 4 AS as_usd, {of_services('award_mw')} AS as_award_mw "
        f"FROM {of_day('as_revenue')} WHERE {' OR '.join(f'{p}_exists' for p in PRODUCTS)}"
    )
    # prices are in order of their points: those of other nodes are left unread
    node = f"settlement_point IN (SELECT settlement_point FROM {of_day('bess_awards')})"
    prices = f"SELECT * FROM {read([files['bess_prices']])} WHERE operating_day = DATE '{day}' AND {node}"
    return (
        f"SELECT money.interval_start, awards.settlement_point, da_price_usd_per_mwh, rt_price_usd_per_mwh, award_mw AS da_award_mw, as_award_mw, "
        f"{', '.join(_OF_THE_DISPATCH)}, {NET_MW} AS net_mw, da_usd AS da_energy_usd, rt_usd AS rt_energy_usd, energy_usd, as_usd, "
        f"energy_usd + as_usd AS total_usd, unknown_reason FROM {of_day('energy_revenue')} AS money "
        f"LEFT JOIN {of_day('bess_dispatch')} AS flows USING (interval_start) "
        f"LEFT JOIN {of_day('bess_awards')} AS awards ON awards.interval_start = date_trunc('hour', money.interval_start) "
        f"LEFT JOIN ({services}) AS services ON services.hour = awards.interval_start "
        f"LEFT JOIN ({prices}) AS prices ON prices.settlement_point = awards.settlement_point AND prices.interval_start = money.interval_start "
        "ORDER BY money.interval_start"
    )


def of_class(files: Iterable[Path], name: str, day: date) -> str:
    """The statement that gives the quarter-hours of a class of the index on a day."""
    where = f"class = {literal(name)} AND operating_day = DATE '{day}'"
    return f"SELECT interval_start, * EXCLUDE (year, interval_start) FROM {read(files)} WHERE {where} ORDER BY 1"


def with_central_time(answer: Answer) -> Answer:
    """The same with Central prevailing time after UTC: a text with its distance from UTC, which tells the two 01:00 hours of the autumn day apart."""
    columns = (answer.columns[0], "interval_start_central", *answer.columns[1:])
    types = (answer.types[0], "VARCHAR", *answer.types[1:]) if answer.types else ()
    central = (row[0].astimezone(_CENTRAL).isoformat(sep=" ", timespec="minutes") for row in answer.rows)
    rows = [(row[0], text, *row[1:]) for row, text in zip(answer.rows, central, strict=True)]
    return Answer(columns, rows, types)
