"""Metadata that Dagster shows of tables, files and rollups: column schemas, column lineage, and the figures of one materialization."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg

from bess_assets.assets.plots import cumulative_revenue, top_ten
from bess_assets.ercot.datasets import Dataset
from bess_assets.ercot.inspection import availability_rows
from bess_assets.report.schema_matrix import matrix_markdown
from bess_assets.run import result_table
from bess_assets.settings import Settings
from bess_assets.settlement.metrics import Period, fleet
from bess_assets.store.journal import RollupEntry, TableEntry
from bess_assets.store.listing import size_of
from bess_assets.store.paths import report_files, result_path
from bess_assets.tables import LEADERBOARD, Table

OWNERS = ("team:battery-analytics",)

_DIGEST_SHOWN = 12
_SHOWN = ("bytes", "seconds", "peak_memory_mb", "package_version", "digest")
_TYPES = {
    "text": "string",
    "label": "string",
    "day": "date",
    "time": "timestamp UTC",
    "number": "double",
    "count": "bigint",
    "flag": "boolean",
}


def code_references(function: Callable[..., object]) -> dict[str, Any]:
    """Where the function that makes an asset is: Dagster's UI links to its file and line."""
    code = inspect.unwrap(function).__code__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        name = f"{function.__module__}.{function.__name__}"
        at = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno, label=name)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[at])}


def table_schema(table: Table) -> dg.TableSchema:
    """Columns of a result table, as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_TYPES[column.kind],
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=table.key == (column.name,)),
            )
            for column in table.columns
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
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [dg.TableColumnDep(asset_key=dg.AssetKey(source), column_name=name) for source, name in above]
            for column in table.columns
            if (above := upstream_columns(table, column.name))
        }
    )


def upstream_columns(table: Table, column_name: str) -> list[tuple[str, str]]:
    """(table or dataset, column) pairs outside the table that a column comes from, each once."""
    found: dict[tuple[str, str], None] = {}
    own = [column_name]
    for name in own:  # the table's own columns on the way are followed too
        for source, column in table.column(name).sources:
            if source != table.name:
                found[source, column] = None
            elif column not in own:
                own.append(column)
    return list(found)


def materialization_metadata(settings: Settings, table: Table, year: int | None, entry: TableEntry) -> dict[str, Any]:
    """Metadata of a materialization of a result table, or of a set of files."""
    recorded: Mapping[str, Any] = entry
    figures = {name: recorded[name] for name in _SHOWN}
    figures["inputs"] = dg.MetadataValue.md(_inputs_table(entry["inputs"]))
    if table.files:
        paths = report_files(settings.results, table, year or 0)
        listed = "\n".join(f"* `{path.name}` ({size_of(path):,} bytes)" for path in paths)
        return figures | {
            "batteries": entry["rows"],
            "path": dg.MetadataValue.path(str(paths[0])),
            "files": dg.MetadataValue.md(listed),
        }
    figures |= {
        "dagster/row_count" if year is None else "dagster/partition_row_count": entry["rows"],
        "rows": entry["rows"],
        "coverage": number(entry["coverage"]),
        "dollars": number(entry["money_usd"]),
        "path": dg.MetadataValue.path(str(result_path(settings.results, table.name, year))),
        "findings": dg.MetadataValue.md(_findings_table(entry["findings"])),
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
    days = result_table(settings, "daily_revenue", year).read(["operating_day", "total_usd"])
    return {
        "batteries_ranked": figures.ranked,
        "batteries_not_ranked": figures.batteries - figures.ranked,
        "ranked_dollars": figures.usd["total_usd"],
        "energy_share": number(figures.energy_share),
        "fleet_usd_per_kw_year": number(figures.usd_per_kw_year),
        "best_battery": rows[0]["battery"] if figures.ranked else None,
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


def number(value: float | None) -> dg.MetadataValue[Any]:
    """A figure that Dagster plots over the years."""
    if value is None:
        return dg.MetadataValue.null()
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)


def _inputs_table(inputs: Mapping[str, Any]) -> str:
    lines = ["| input | size | modified | digest |", "|---|---:|---|---|"]
    for name, value in inputs.items():
        if isinstance(value, str):
            lines.append(f"| {name.removeprefix('table:')} | | | `{value[:_DIGEST_SHOWN]}` |")
        else:
            size, modified = f"{value['size']:,}", _time(value["mtime_ns"])
            lines.append(f"| {name} | {size} | {modified} | `{value['digest'][:_DIGEST_SHOWN]}` |")
    return "\n".join(lines) if inputs else "none"


def _findings_table(findings: list[dict[str, Any]]) -> str:
    if not findings:
        return "none"
    lines = ["| finding | about | count | detail | affects figures |", "|---|---|---:|---|---|"]
    for f in findings:
        detail = f["detail"].replace("|", "\\|").replace("\n", " ")
        warning = "yes" if f["warning"] else "no"
        lines.append(f"| {f['kind']} | {f['subject']} | {f['count']:,} | {detail} | {warning} |")
    return "\n".join(lines)


def _time(mtime_ns: int) -> str:
    return datetime.fromtimestamp(mtime_ns / 1e9, UTC).isoformat(timespec="seconds")
