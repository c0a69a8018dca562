"""The rollups of a year: built from reports where the user brought none, and described as the run record keeps them."""

import logging
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_file
from bess_assets.ercot.rollup_names import BUILT_FOLDER, rollup_name
from bess_assets.errors import BessError, InputError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import fingerprint, same
from bess_assets.store.journal import BuiltEntry, RollupEntry, RollupFileEntry
from bess_assets.store.locks import rollup_lock, year_lock
from bess_assets.store.made_up import MARKER
from bess_assets.store.paths import rollup_folder
from bess_assets.store.roll_up import Progress, RollUp, roll_up
from bess_assets.store.rollup_files import read_manifest

_WAIT_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registered:
    """The rollup files of a dataset that an operating year reads.

    Attributes:
        entry: as the run record has them.
        error: why one of them cannot be used.
    """

    entry: RollupEntry
    error: BessError | None = None

    @property
    def origin(self) -> Literal["found", "built", "absent"]:
        """Where they come from; found, if one of them is the user's own."""
        return self.entry["origin"]

    @property
    def files(self) -> dict[str, RollupFileEntry]:
        """The entry of each file by name."""
        return self.entry["files"]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(entry["rows"] for entry in self.files.values())

    @property
    def version(self) -> str:
        """The content of the files: a touched, unchanged file has the same."""
        digests = {name: entry["fingerprint"]["digest"] for name, entry in self.files.items()}
        return _version(digests, closed=self.entry.get("closed", False))


def describe_rollups(settings: Settings, dataset: str, year: int) -> Registered:
    """The rollup files that an operating year reads, as their footers describe them; the entry of a file that cannot be used says so."""
    folder = rollup_folder(settings)
    described = {rollup_name(path): _described(dataset, path) for path in folder.files(dataset, year)}
    files = {name: entry for name, (entry, _) in sorted(described.items())}
    origin: Literal["found", "built", "absent"] = "absent"
    if files:
        origin = "built" if all(name.startswith(f"{BUILT_FOLDER}/") for name in files) else "found"
    errors = [error for _, error in described.values() if error]
    entry = RollupEntry(origin=origin, files=files, closed=folder.goes_beyond(dataset, year))
    return Registered(entry, errors[0] if errors else None)


def rollup_version(settings: Settings, dataset: str, year: int, recorded: RollupEntry) -> str:
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


def _described(dataset: str, path: Path) -> tuple[RollupFileEntry, BessError | None]:
    """The entry of a rollup file, and why it cannot be used."""
    seen = fingerprint(path)
    try:
        description = describe_file(DATASETS[dataset], path)
        manifest = read_manifest(path) if rollup_name(path).startswith(f"{BUILT_FOLDER}/") else None
    except BessError as error:
        unusable = RollupFileEntry(
            rows=0,
            bytes=seen["size"],
            fingerprint=seen,
            missing=[],
            unknown=[],
            zero_filled=[],
            error=str(error),
        )
        return unusable, error
    entry = RollupFileEntry(
        rows=description.rows,
        bytes=seen["size"],
        fingerprint=seen,
        missing=description.missing,
        unknown=description.unknown,
        zero_filled=description.zero_filled,
    )
    if manifest is not None:
        entry["built"] = BuiltEntry(
            reports=len(manifest["reports"]),
            csv_bytes=manifest["csv_bytes"],
            seconds=manifest["seconds"],
            read_back_seconds=manifest["read_back_seconds"],
            complete=manifest["complete"],
            incomplete_because=manifest["incomplete_because"],
        )
    return entry, None


def roll_up_reports(
    settings: Settings,
    reports: Path | None = None,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    progress: Progress | None = None,
) -> RollUp:
    """Bring the built rollups up to date with the report files, but for what the user's own rollups hold.

    Args:
        settings: where rollups are built.
        reports: folder of the report files; that of the settings if not given.
        years: delivery years; all that the reports hold if not given.
        datasets: datasets; all if not given.
        progress: called for each report file.

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
    started = time.perf_counter()
    done = roll_up_reports(settings, years=[year], datasets=[dataset])
    for built in done.built:
        if built.changed:
            _log.info(
                "%s %d: built from %d new reports in %.1f s",
                dataset,
                year,
                built.new_reports,
                time.perf_counter() - started,
            )
