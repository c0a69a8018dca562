"""Metadata that Dagster shows of tables, files and rollups: column schemas, column lineage, and the figures of one materialization."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg

from bess_assets.assets.plots import cumulative_revenue, top_ten
from bess_assets.ercot.datasets import Dataset
from bess_assets.ercot.inspection import availability_rows
from bess_assets.report.schema_matrix import matrix_markdown
from bess_assets.results.engine import DUCKDB_TYPES
from bess_assets.run import result_table
from bess_assets.settings import Settings
from bess_assets.settlement.metrics import FLEET_TOTALS, STREAMS, Period, fleet
from bess_assets.store.fetching import There
from bess_assets.store.journal import UPSTREAM, RollupEntry, TableEntry
from bess_assets.store.listing import size_of
from bess_assets.store.paths import files_of, result_path
from bess_assets.tables import LEADERBOARD, Table, lineage
from bess_assets.text import Column, markdown_table, number

OWNERS = ("team:battery-analytics",)

_SHOWN = ("bytes", "seconds", "peak_memory_mb", "package_version", "digest")


def code_references(function: Callable[..., object]) -> dict[str, Any]:
    """Where the function that makes an asset is: Dagster's UI links to its file and line."""
    code = inspect.unwrap(function).__code__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        name = f"{function.__module__}.{function.__name__}"
        at = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno, label=name)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[at])}


def report_metadata(there: Sequence[There]) -> dict[str, Any]:
    """Documents of a year: how many, how large, posted until when, and which days are missing."""
    days = [day for own in there for day in own.missing]
    posted = [own.documents[-1].posted for own in there if own.documents]
    rows = markdown_table(
        [
            Column("report", lambda t: t.publication.emil),
            Column("name", lambda t: t.publication.title),
            number("documents", lambda t: len(t.documents)),
            number("MB", lambda t: t.bytes / 1e6, "{:,.1f}".format),
            Column("last posted", lambda t: f"{t.documents[-1].posted:%Y-%m-%d %H:%M}" if t.documents else None),
            number("missing days", lambda t: len(t.missing)),
            Column("first missing", lambda t: str(t.missing[0]) if t.missing else None),
        ],
        there,
    )
    return {
        "documents": sum(len(own.documents) for own in there),
        "bytes": sum(own.bytes for own in there),
        "last posted": f"{max(posted):%Y-%m-%d %H:%M}" if posted else "never",
        "missing days": len(days),
        "reports": dg.MetadataValue.md(rows),
    }


def table_schema(table: Table) -> dg.TableSchema:
    """Columns of a result table, as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=DUCKDB_TYPES[column.kind].lower(),
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=table.key == (column.name,)),
            )
            for column in table.file_columns
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(table.key)}"]),
    )


def dataset_schema(dataset: Dataset) -> dg.TableSchema:
    """Canonical columns of a dataset, each with the headings that it goes by."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.kind,
                description="headed " + " or ".join(repr(heading) for heading in column.headings),
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in dataset.columns.values()
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Which upstream columns each column comes from; a column of the table itself is followed to its own sources."""
    of = table.name
    above = {name: [p for p in lineage(table, name, [of]) if p[0] != of] for name in table.column_names}
    return dg.TableColumnLineage(
        deps_by_column={
            name: [dg.TableColumnDep(asset_key=dg.AssetKey(source), column_name=column) for source, column in pairs]
            for name, pairs in above.items()
            if pairs
        }
    )


def materialization_metadata(settings: Settings, table: Table, year: int | None, entry: TableEntry) -> dict[str, Any]:
    """Metadata of a materialization of a result table, or of a set of files."""
    figures: dict[str, Any] = {name: value for name, value in entry.items() if name in _SHOWN}
    figures["inputs"] = _markdown(_INPUTS, [*entry["inputs"].items()])
    if table.files:
        paths = files_of(settings.results, table, year or 0)
        return figures | {
            "batteries": entry["rows"],
            "path": dg.MetadataValue.path(str(paths[0])),
            "files": dg.MetadataValue.md("\n".join(f"* `{path.name}` ({size_of(path):,} bytes)" for path in paths)),
        }
    figures |= {
        "dagster/row_count" if year is None else "dagster/partition_row_count": entry["rows"],
        "rows": entry["rows"],
        "coverage": entry["coverage"],
        "dollars": entry["money_usd"],
        "path": dg.MetadataValue.path(str(result_path(settings.results, table.name, year))),
        "findings": _markdown(_FINDINGS, entry["findings"]),
        "dagster/column_lineage": column_lineage(table),
    }
    if table.group == "schemas":
        rows = result_table(settings, table.name, year).read().to_pylist()
        figures["columns"] = dg.MetadataValue.md(
            matrix_markdown(rows if year is None else availability_rows({year: rows}))
        )
    if table.name == LEADERBOARD.name and year is not None:
        figures |= _fleet_figures(settings, year)
    return figures


def _fleet_figures(settings: Settings, year: int) -> dict[str, Any]:
    """The sums of a year: numbers that Dagster plots over the years, and two pictures."""
    board = result_table(settings, LEADERBOARD.name, year).read()
    rows = board.to_pylist()
    figures = fleet(rows, Period.of(year))
    days = result_table(settings, "daily_revenue", year).read(["operating_day", "total_usd", *STREAMS])
    return {
        "batteries_ranked": figures["ranked"],
        "batteries_not_ranked": figures["batteries"] - figures["ranked"],
        **{name: figures[name] for name in FLEET_TOTALS},
        "energy_share": figures["energy_share"],
        "fleet_usd_per_kw_year": figures["usd_per_kw_year"],
        "best_battery": rows[0]["battery"] if figures["ranked"] else None,
        "edition": board["edition"][0].as_py() if board.num_rows else None,
        "revenue": dg.MetadataValue.md(cumulative_revenue(days)),
        "top_ten": dg.MetadataValue.md(top_ten(board)),
    }


def rollup_metadata(registered: RollupEntry) -> dict[str, Any]:
    """Metadata of a materialization of a rollup; of all the files together that the year reads."""
    entries = list(registered["files"].values())
    rows = sum(entry["rows"] for entry in entries)
    figures: dict[str, Any] = {"origin": registered["origin"], "rows": rows, "dagster/partition_row_count": rows}
    if not entries:
        return figures

    def listed(key: Literal["missing", "unknown", "zero_filled"]) -> dg.MetadataValue[Any]:
        return dg.MetadataValue.md(", ".join(name for entry in entries for name in entry[key]) or "none")

    figures |= {
        "bytes": sum(entry["bytes"] for entry in entries),
        "fingerprint": ", ".join(entry["fingerprint"]["digest"] for entry in entries),
        "modified": _time(max(entry["fingerprint"]["mtime_ns"] for entry in entries)),
        "missing_columns": listed("missing"),
        "unknown_headings": listed("unknown"),
        "zero_filled_columns": listed("zero_filled"),
    }
    for built in (entry["built"] for entry in entries if "built" in entry):
        figures |= {
            "reports": built["reports"],
            "csv_bytes": built["csv_bytes"],
            "build_seconds": built["seconds"],
            "read_seconds": built["read_back_seconds"],
            "complete": built["complete"],
            "incomplete_because": dg.MetadataValue.md("; ".join(built["incomplete_because"]) or "nothing"),
        }
    return figures


def _time(mtime_ns: int) -> str:
    return datetime.fromtimestamp(mtime_ns / 1e9, UTC).isoformat(timespec="seconds")


# Of a pair of the name of an input and its fingerprint or digest.
_INPUTS = (
    Column("input", lambda named: named[0].removeprefix(UPSTREAM)),
    number("size", lambda named: None if isinstance(named[1], str) else named[1]["size"]),
    Column("modified", lambda named: None if isinstance(named[1], str) else _time(named[1]["mtime_ns"])),
    Column("digest", lambda named: (named[1] if isinstance(named[1], str) else named[1]["digest"])[:12]),
)
_FINDINGS = (
    Column("finding", "kind"),
    Column("about", "subject"),
    number("count", "count"),
    Column("detail", "detail"),
    Column("affects figures", "warning", lambda warning: "yes" if warning else "no"),
)


def _markdown(columns: Sequence[Column], rows: Sequence[Any]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md(markdown_table(columns, rows) if rows else "none")
