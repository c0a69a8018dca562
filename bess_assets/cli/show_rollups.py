"""Rollups built from reports, as lines of text for a terminal: what a roll-up came to, what it could not use, what was saved.

Belongs here: the table of built years, refused files, storage.
Does not: building anything (ercot/rollup.py), printing (cli.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup import BuiltYear, RollUp, read_manifest
from bess_assets.settings import Settings
from bess_assets.store.paths import rollup_folder
from bess_assets.text_tables import Heading, decimals, paragraph, percent, text_table

_SHOWN = 20
_MEGABYTE = 1e6

_BUILT = (
    Heading("rollup"),
    Heading("year", "{}".format, right=True),
    Heading("reports", "{:,}".format, right=True),
    Heading("new", "{:,}".format, right=True, keep=60),
    Heading("rows", "{:,}".format, right=True),
    Heading("dropped", "{:,}".format, right=True, keep=50),
    Heading("first day", keep=40),
    Heading("last day"),
    Heading("state"),
)


def rollup_lines(done: RollUp, width: int) -> list[str]:
    """What a roll-up came to: a row for each dataset and year, then why some are incomplete and which files could not be used."""
    rows = [_built_row(built) for built in done.built]
    lines = text_table(_BUILT, [rows], width).lines if rows else []
    for built in done.built:
        for reason in built.manifest["incomplete_because"]:
            lines += paragraph(f"{built.dataset} {built.year}: {reason}", width, "  ")
    for built in done.built:
        for item in built.manifest["refused"][:_SHOWN]:
            lines += paragraph(f"not used: {item['file']}: {item['problem']}", width, "  ")
        left = len(built.manifest["refused"]) - _SHOWN
        if left > 0:
            lines.append(f"and {left:,} more of {built.dataset} {built.year}: see its manifest")
    for file, problem in done.refused[:_SHOWN]:
        lines += paragraph(f"not used, of no dataset and year that could be told: {file}: {problem}", width, "  ")
    if len(done.refused) > _SHOWN:
        lines.append(f"and {len(done.refused) - _SHOWN:,} more that could not be used")
    others = sorted(done.other.items(), key=lambda item: (-item[1], item[0]))
    for why, count in others[:_SHOWN]:
        lines += paragraph(f"left aside, {count:,}: {why}", width, "  ")
    lines.append(f"{done.files:,} files, {done.reports:,} reports in them.")
    return lines


def _built_row(built: BuiltYear) -> list[Any]:
    manifest = built.manifest
    rows = manifest["rows"]
    dropped = sum(rows.get(key, 0) for key in ("same", "superseded", "contradicting"))
    state = ("complete" if manifest["complete"] else "incomplete") if rows else "nothing usable"
    return [
        built.dataset,
        built.year,
        len(manifest["reports"]),
        built.new_reports,
        rows.get("kept"),
        dropped,
        manifest["first_day"],
        manifest["last_day"],
        state if not built.changed else f"{state}, written",
    ]


# --- storage ------------------------------------------------------------------------------------------------------------------------------

_STORAGE = (
    Heading("rollup"),
    Heading("year", "{}".format, right=True),
    Heading("from", keep=40),
    Heading("reports", "{:,}".format, right=True, keep=50),
    Heading("CSV MB", "{:,.1f}".format, right=True),
    Heading("Parquet MB", "{:,.1f}".format, right=True),
    Heading("smaller by", percent, right=True),
    Heading("CSV read s", decimals(1), right=True),
    Heading("Parquet read s", decimals(2), right=True),
)


def storage_lines(settings: Settings, years: Sequence[int], width: int) -> list[str]:
    """What the rollups take beside the CSV that they were built from, and how long each takes to load."""
    folder = rollup_folder(settings)
    rows: list[list[Any]] = []
    built: list[Mapping[str, Any]] = []
    for dataset in DATASETS:
        for year in years:
            found, made = folder.found(dataset, year), folder.built(dataset, year)
            if found is not None:
                size = found.stat().st_size / _MEGABYTE
                rows.append([dataset, year, "found", None, None, size, None, None, None])
            manifest = read_manifest(made) if made is not None else None
            if manifest is not None:
                built.append(manifest)
                rows.append([dataset, year, "built", *_storage_cells([manifest])])
    if not rows:
        return ["There are no rollups yet."]
    groups = [rows]
    if built:
        groups.append([["built from reports", None, None, *_storage_cells(built)]])
    lines = text_table(_STORAGE, groups, width).lines
    return [
        *lines,
        *paragraph(
            "CSV read: seconds that reading, typing, sorting and writing the reports took, when they were rolled up. Parquet read: seconds that reading "
            "the whole rollup took just after. A file that you brought says nothing of the CSV that it was made from.",
            width,
        ),
    ]


def _storage_cells(manifests: Sequence[Mapping[str, Any]]) -> list[Any]:
    csv_bytes = sum(m["csv_bytes"] for m in manifests)
    parquet = sum(m["parquet_bytes"] for m in manifests)
    return [
        sum(len(m["reports"]) for m in manifests),
        csv_bytes / _MEGABYTE,
        parquet / _MEGABYTE,
        1 - parquet / csv_bytes if csv_bytes else None,
        sum(m["seconds"] for m in manifests),
        sum(m["read_back_seconds"] for m in manifests),
    ]
