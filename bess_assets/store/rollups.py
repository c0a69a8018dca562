"""The rollups of a year: built from reports where the user brought none, and described as the run record keeps them."""

import logging
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_file
from bess_assets.ercot.rollup_names import BUILT_FOLDER, rollup_name
from bess_assets.errors import BessError, InputError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import fingerprint, same
from bess_assets.store.journal import RollupEntry, RollupFileEntry
from bess_assets.store.locks import rollup_lock, year_lock
from bess_assets.store.made_up import MARKER
from bess_assets.store.paths import rollup_folder
from bess_assets.store.roll_up import Progress, RollUp, roll_up
from bess_assets.store.rollup_files import read_manifest

_WAIT_SECONDS = 60.0
_IN_BRIEF = ("csv_bytes", "seconds", "read_back_seconds", "complete", "incomplete_because")
"""Of a manifest, beside the number of reports."""
_log = logging.getLogger(__name__)


def describe_rollups(settings: Settings, dataset: str, year: int) -> RollupEntry:
    """The rollup files that an operating year reads, as their footers describe them; the entry of a file that cannot be used says so."""
    folder = rollup_folder(settings)
    paths = {rollup_name(path): path for path in folder.files(dataset, year)}
    files = {name: _described(dataset, name, paths[name]) for name in sorted(paths)}
    all_built = all(name.startswith(f"{BUILT_FOLDER}/") for name in files)
    return RollupEntry(
        origin="absent" if not files else "built" if all_built else "found",
        files=files,
        closed=folder.goes_beyond(dataset, year),
    )


def _described(dataset: str, name: str, path: Path) -> RollupFileEntry:
    seen = fingerprint(path)
    entry = RollupFileEntry(rows=0, bytes=seen["size"], fingerprint=seen, missing=[], unknown=[], zero_filled=[])
    try:
        found = describe_file(DATASETS[dataset], path)
        manifest = read_manifest(path) if name.startswith(f"{BUILT_FOLDER}/") else None
    except BessError as error:
        return {**entry, "error": str(error)}
    entry["rows"], entry["missing"] = found.rows, found.missing
    entry["unknown"], entry["zero_filled"] = found.unknown, found.zero_filled
    if manifest is not None:
        entry["built"] = {"reports": len(manifest["reports"]), **{name: manifest[name] for name in _IN_BRIEF}}
    return entry


def recorded_version(recorded: RollupEntry) -> str:
    """The content of the files of a dataset as recorded: a touched, unchanged file has the same."""
    digests = {name: entry["fingerprint"]["digest"] for name, entry in recorded["files"].items()}
    return _version(digests, closed=recorded.get("closed", False))


def version_now(settings: Settings, dataset: str, year: int, recorded: RollupEntry) -> str:
    """The content of the files that an operating year would read now; of a file that is as it was recorded only size and time are looked at."""
    folder = rollup_folder(settings)
    seen = {name: entry["fingerprint"] for name, entry in recorded["files"].items()}
    digests = {}
    for path in folder.files(dataset, year):
        name = rollup_name(path)
        known = name in seen and same(seen[name], path)
        digests[name] = seen[name]["digest"] if known else fingerprint(path)["digest"]
    return _version(digests, closed=folder.goes_beyond(dataset, year))


def _version(digests: Mapping[str, str], *, closed: bool) -> str:
    parts = [digests[name] for name in sorted(digests)]
    return "+".join([*parts, "closed"] if closed else parts) or "absent"


def roll_up_reports(
    settings: Settings,
    reports: Path | None = None,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    progress: Progress = lambda _done, _files, _what: None,
) -> RollUp:
    """Bring the built rollups up to date with the report files, but for what the user's own rollups hold.

    The folder of reports is that of the settings if not given; years and datasets are all that the reports hold if not given.

    Raises:
        InputError: there are no reports, or made-up and real ones would be mixed.
        YearBusyError: another process rolls up, or works on a year that would be written.
    """
    root = reports or settings.reports
    folder = rollup_folder(settings)
    with ExitStack() as held:
        held.enter_context(rollup_lock(settings))
        _keep_apart(settings.built, root)

        def before_write(year: int) -> None:
            held.enter_context(year_lock(settings, year, wait_seconds=_WAIT_SECONDS))

        return roll_up(
            root,
            settings.built,
            years=years,
            datasets=datasets,
            covered=folder.covers,
            progress=progress,
            before_write=before_write,
            memory_limit_bytes=settings.memory_limit_bytes,
            threads=settings.threads,
        )


def _keep_apart(built: Path, reports: Path) -> None:
    """Note that rollups are built from made-up reports, and never mix them with real ones.

    Raises:
        InputError: the reports are of the other kind than those that rollups were built from.
    """
    if not reports.is_dir():
        return
    made_up, marked = (reports / MARKER).is_file(), (built / MARKER).is_file()
    if made_up != marked and any(built.glob("*/*.parquet")):
        kind, other = ("real", "made-up") if marked else ("made-up", "real")
        raise InputError(
            f"These reports are {kind}, and the rollups that were built are of {other} ones.",
            file=built,
            expected=f"{other} reports",
            remedy="Use another home: bess --home DIR rollup ..; or remove the folder of built rollups.",
        )
    if made_up and not marked:
        built.mkdir(parents=True, exist_ok=True)
        (built / MARKER).write_text('{"note": "Built from made-up reports."}\n', encoding="utf-8")


def build_rollup(settings: Settings, dataset: str, year: int) -> None:
    """Build the rollup of a dataset and delivery year from reports, if there are any and the user's own rollups do not hold it.

    Raises:
        InputError: a built rollup or manifest cannot be read. A report that cannot be used is in the manifest, and no error.
    """
    if not settings.reports.is_dir() or rollup_folder(settings).covers(dataset, year):
        return
    for built in roll_up_reports(settings, years=[year], datasets=[dataset]).built:
        if built.changed:
            _log.info("%s %d: built from %d new reports", dataset, year, built.new_reports)
