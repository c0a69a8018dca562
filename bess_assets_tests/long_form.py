"""Result tables as SQL shows them, made from the files without SQL: a table by product has a row for each product."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.products import PRODUCTS
from bess_assets.tables import TABLES


def result_rows(results: Path, name: str, year: int) -> pa.Table:
    """Rows of a result table of a year; of a table by product in the order of its first column, of the products, and of time."""
    table, rows = TABLES[name], pq.read_table(results / name / f"{year}.parquet")
    if not table.by_product:
        return rows
    names = [column.name for column in table.by_product]
    shared = [name for name in rows.column_names if not name.startswith(tuple(f"{p}_" for p in PRODUCTS))]
    at = shared.index(table.key[0]) + 1

    def of(p: str) -> pa.Table:
        own = rows.select([*shared, *(f"{p}_{name}" for name in names)]).rename_columns([*shared, *names])
        return own.add_column(at, "product", pa.array([p] * rows.num_rows))

    return pa.concat_tables(map(of, PRODUCTS)).sort_by(table.key[0])  # a stable order
