"""Day-ahead prices that award rows of any resource state (section 2): by settlement point, and by product."""

from __future__ import annotations

import duckdb
import pandas as pd

from bess_assets.second_settlement.readings import NODE, PRODUCTS, STATED, number, read
from bess_assets.second_settlement.source import Source


def read_stated(source: Source, scratch: duckdb.DuckDBPyConnection, year: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stated settlement point prices and clearing prices: a row an hour, a column a settlement point or a product.

    Of rows that differ the most frequent price counts, of equally frequent ones the lowest.
    """
    folders = ("DAM_Gen_Resources", "DAM_Load_Resources", "DAM_ESR_Resources")
    columns = {**{name: number(heading) for name, heading in STATED.items()}, **NODE}
    for folder in folders:
        read(source, scratch, folder, year, None, columns=columns)
    rows = " UNION ALL ".join(f"SELECT * FROM every_{folder}" for folder in folders)
    points = _most_frequent(scratch, f"SELECT node AS name, time, stated_energy AS price FROM ({rows})")
    products = " UNION ALL ".join(f"SELECT '{p}' AS name, time, stated_{p} AS price FROM ({rows})" for p in PRODUCTS)
    return points, _most_frequent(scratch, products).reindex(columns=list(PRODUCTS))


def _most_frequent(scratch: duckdb.DuckDBPyConnection, statements: str) -> pd.DataFrame:
    counted = f"SELECT name, time, round(price, 2) AS price, count(*) AS votes FROM ({statements}) WHERE price + 0 IS NOT NULL GROUP BY ALL"
    query = f"SELECT name, time, price FROM ({counted}) QUALIFY row_number() OVER (PARTITION BY name, time ORDER BY votes DESC, price) = 1"
    found = scratch.execute(f"SELECT * FROM ({query}) WHERE name IS NOT NULL").df()
    return found.astype({"time": "datetime64[s]"}).pivot(index="time", columns="name", values="price")
