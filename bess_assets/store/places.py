"""Inputs and results in object stores: what lies at `s3://bucket/prefix` is copied into the home before it is read; all other modules know folders alone.

Of results, the run record of a year says which objects are read. It is put last, on condition that it replaces the record that its writer has read.

A copy has the size of its object, and a modification time of which the seconds are the object's and the rest is drawn from its ETag. By these it is known to
be the copy of the object as it is now, and its fingerprint is the same in every home.

`obstore`, of the extra `s3`, reads address, region and credentials of the store from the usual variables: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY. No error repeats its words: they hold what the store has answered.
"""

import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from bess_assets.errors import NOT_AS_WRITTEN, SettingsError, StoreError, YearLostError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import Fingerprint, stamp, whole_digest
from bess_assets.store.listing import MERGED, Mark, mark_of, year_name
from bess_assets.store.listing import RUNS_FOLDER as _RUNS
from bess_assets.store.locks import copies_lock, is_held_here
from bess_assets.store.whole import whole, whole_set, with_entry, write_text
from bess_assets.threads import in_order

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

_AT_ONCE = 8
_CHUNK_BYTES = 4 * 2**20
_SECOND = 10**9
# A download may take as long as it takes, but not stand still.
_CONFIG = {"timeout": "1day", "read_timeout": "60s"}
_RETRY_TIMEOUT = timedelta(seconds=60)
_ENDPOINT = re.compile(r"https?://[^\s/]+(/\S*)?")
_YEARS = re.compile(r"(?<!\d)20[1-9]\d")
_guard = threading.Lock()
_log = logging.getLogger(__name__)

Tell = Callable[[str, float | None], object]
"""Called with what is brought, in words, and the share of it that is there."""


def bring_in(settings: Settings, years: Collection[int] | None = None, tell: Tell = lambda _text, _done: None) -> None:
    """Bring the copies of rollups, reports and battery table up to date with their object stores; of folders of this machine nothing is done.

    An object whose ETag has not changed is not brought again; the copy of one that is gone is removed.

    Args:
        settings: of the home.
        years: operating years that are wanted: rollups that name other years alone are left as they are. All if not given.
        tell: called with the progress.

    Raises:
        StoreError: the store refuses, or cannot be reached.
        SettingsError: the extra `s3` is not installed, or there is no such battery table.
        YearBusyError: another process brings them, and does not end.
    """
    if not settings.copied:
        return
    with _guard, copies_lock(settings):
        for copy in settings.copied:
            named = {n for year in years for n in (year, year + 1)} if years and copy == settings.rollups else None
            _Place(settings, copy).bring(named, tell)


class _Place:
    """One address, and the folder or file that is the copy of what lies there."""

    def __init__(self, settings: Settings, copy: Path) -> None:
        self._copy, self._address = copy, settings.place(copy)
        self._bucket, _, self._key = self._address.removeprefix("s3://").partition("/")
        self._root = copy.parents[self._key.count("/")] if self._key else copy
        self._below = len(self._key) + 1 if self._key else 0
        self._is_file = copy == settings.registry_csv

    def bring(self, years: Collection[int] | None, tell: Tell) -> None:
        """Make the copy what lies at the address; see `bring_in`."""
        store = self._store()
        with self._plain_errors():
            objects = self._table(store) if self._is_file else self._list(store)
        if not self._is_file:
            self._remove_all_but(objects)
        lacking = [
            key
            for key, found in objects.items()
            if _is_wanted(key[self._below :], years) and not _is_there(self._root / key, found)
        ]
        total = sum(objects[key]["size"] for key in lacking)
        done = 0
        for key, size in zip(
            lacking, in_order(_AT_ONCE, lambda key: self._bring_one(store, key), lacking), strict=True
        ):
            done += size
            words = f"{self._address}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB, {key[self._below :]}"
            tell(words, done / max(total, 1))

    def _store(self) -> "S3Store":
        try:
            from obstore.store import S3Store  # noqa: PLC0415  of an extra
        except ImportError as error:
            raise SettingsError(
                f"{self._address} is in an object store, and what reads one is not installed.",
                remedy='Install the extra s3: pip install "bess-assets[s3]"',
            ) from error
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint and not _ENDPOINT.fullmatch(endpoint):
            raise SettingsError(
                "AWS_ENDPOINT_URL cannot be read.",
                expected="an address such as https://s3.example.com",
                remedy="Correct it, or unset it to use Amazon's own.",
            )
        with self._plain_errors():
            return S3Store(self._bucket, config=_CONFIG, retry_config={"retry_timeout": _RETRY_TIMEOUT})  # type: ignore[arg-type]

    def _table(self, store: "S3Store") -> dict[str, "ObjectMeta"]:
        import obstore  # noqa: PLC0415  of an extra

        try:
            return {self._key: obstore.head(store, self._key)}
        except FileNotFoundError:
            raise SettingsError(
                "BESS_REGISTRY names an object that does not exist.",
                file=self._address,
                remedy="Correct the address, or unset BESS_REGISTRY to go without a battery table.",
            ) from None

    def _list(self, store: "S3Store", folder: str = "") -> dict[str, "ObjectMeta"]:
        """The objects below the address, or below a folder there, by key, without hidden ones and those that only stand for a folder."""
        import obstore  # noqa: PLC0415  of an extra

        found = {
            o["path"]: o
            for page in obstore.list(store, "/".join(filter(None, (self._key, folder))) or None, chunk_size=1000)
            for o in page
        }
        folders = {key[:at] for key in found for at, letter in enumerate(key) if letter == "/"}
        for key in sorted(folders & found.keys()):
            if found[key]["size"]:
                _log.warning("s3://%s/%s is left out: other objects lie below its name", self._bucket, key)
        return {
            key: one
            for key, one in found.items()
            if key not in folders and not any(p.startswith(".") or "\\" in p for p in key[self._below :].split("/"))
        }

    def _remove_all_but(self, objects: Collection[str]) -> None:
        """Remove copies of objects that are gone, what was left half brought, and folders with nothing in them."""
        for folder, folders, names in os.walk(self._copy, topdown=False):
            for path in (Path(folder, name) for name in names):
                if path.relative_to(self._root).as_posix() not in objects:
                    path.unlink()
            for path in (Path(folder, name) for name in folders):
                with suppress(OSError):  # it is not empty
                    path.rmdir()

    def _bring_one(self, store: "S3Store", key: str) -> int:
        """Bring one object, whole or not at all; returns its size. One that vanished since it was listed is no error: the next time its copy goes."""
        import obstore  # noqa: PLC0415  of an extra

        path = self._root / key
        with self._plain_errors():
            try:
                coming = obstore.get(store, key)
            except FileNotFoundError:
                return 0
            with whole(path) as temporary:
                with temporary.open("wb") as file:
                    for chunk in coming.stream(min_chunk_size=_CHUNK_BYTES):
                        file.write(chunk)
                if temporary.stat().st_size != coming.meta["size"]:
                    raise StoreError(f"s3://{self._bucket}/{key} broke off.", remedy="Run the command again.")
                os.utime(temporary, ns=(_time(coming.meta), _time(coming.meta)))
            return coming.meta["size"]

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError  # noqa: PLC0415  of an extra

        try:
            yield
        except BaseError as error:
            code = re.search(r"<Code>([A-Za-z]{1,40})</Code>", str(error))
            status = re.search(r"status code: (\d{3})\b", str(error))
            said = code[1] if code else f"status {status[1]}" if status else ""
            raise StoreError(
                f"The object store {f'refuses: {said}' if said else 'cannot be reached'}.",
                file=self._address,
                expected="a bucket that may be listed and read",
                remedy="Check the address, and AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
                "a store without TLS needs AWS_ALLOW_HTTP=true. Then run the command again.",
            ) from None


def _is_wanted(name: str, years: Collection[int] | None) -> bool:
    """Whether a file may be read for the years: its path below the address names one of them, or no year at all."""
    named = {int(year) for year in _YEARS.findall(name)}
    return years is None or not named or not named.isdisjoint(years)


def _is_there(path: Path, found: "ObjectMeta") -> bool:
    """Whether the copy is that of the object as it is; where the object has another time and the same content, the copy gets it."""
    with suppress(FileNotFoundError):
        size, mtime_ns = stamp(path)
        if size == found["size"] and mtime_ns % _SECOND == _time(found) % _SECOND:
            if mtime_ns != _time(found):
                os.utime(path, ns=(_time(found), _time(found)))
            return True
    return False


def _time(found: "ObjectMeta") -> int:
    """The modification time of a copy, in ns: the seconds of its object's, and a number drawn from the ETag."""
    return int(found["last_modified"].timestamp()) * _SECOND + _mark(
        found["e_tag"] or found["last_modified"].isoformat()
    )


def _mark(e_tag: str) -> int:
    """A number drawn from an ETag, below a second in ns."""
    return int.from_bytes(hashlib.sha256(e_tag.strip('"').encode()).digest()[:8]) % _SECOND


# --- results --------------------------------------------------------------------------------------------------------------------------------

_IS_RECORD = re.compile(rf"(\d+|{MERGED})\.json")
_IS_FILE = re.compile(r"[a-z_]+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*){1,2}")
_IS_DIGEST = re.compile(r"[0-9a-f]{64}")
_SWEPT_AFTER = timedelta(days=1)
_TRIES = 3


def bring_results(settings: Settings) -> None:
    """Bring the copy of results in an object store up to date, but for the years that a process of this machine holds; of a folder nothing is done.

    Raises:
        StoreError: the store refuses, or cannot be reached.
        SettingsError: the extra `s3` is not installed.
    """
    if settings.is_copy(settings.results):
        with _guard, copies_lock(settings):
            _Results(settings).bring_years(lambda name: is_held_here(settings, name))


def results_to_write(
    settings: Settings, year: int | None, shown_in_other_years: Collection[str]
) -> Callable[[Path, str], None]:
    """How to write the run record of a year, None for the merged tables, that this process holds: where the results are in a folder, as a text.

    Where they are in an object store, the year is brought first, and of other years the tables that it shows. Then, with each record, the files that it names
    are put, each under a key with its digest, and the record last, on condition that it replaces the one that was read: what no record names is read by nobody.

    Raises:
        StoreError: the store refuses, or cannot be reached; when writing too.
        YearLostError: when writing: another process has written the record meanwhile.
    """
    if not settings.is_copy(settings.results):
        return write_text
    with _guard, copies_lock(settings):
        results, name = _Results(settings), year_name(year)
        results.bring_years(lambda other: other != name and is_held_here(settings, other), name, shown_in_other_years)
        results.sweep(name)

    def write(path: Path, text: str) -> None:
        # no two records are the same, so that an ETag never comes back: who read an earlier one may not replace a later one
        text = with_entry(text, "commit", uuid4().hex)
        with _guard, copies_lock(settings):
            write_text(path, text)
            results.commit(name, text)

    return write


class _SweptError(Exception):
    """A record that was listed, or an object that it names, is not there any more: the record has been replaced."""


class _Results(_Place):
    """Results in an object store: the run record of each year, and each file that it names under a key with its digest."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.results)
        self._store_of_it = self._store()
        self._tags, self._named = dict[str, str | None](), dict[str, dict[str, Fingerprint]]()

    def bring_years(
        self, is_left: Callable[[str], bool], own: str | None = None, shown: Collection[str] | None = None
    ) -> None:
        """Bring the years that are not left as they are; of others than the own one the tables that it shows, all if not given."""
        with self._plain_errors():
            listed = self._list(self._store_of_it, _RUNS).items()
        records = {Path(key).stem: found for key, found in listed if _IS_RECORD.fullmatch(Path(key).name)}
        here = {path.stem for path in (self._copy / _RUNS).glob("*.json")}
        for name in sorted({*records, *here, *([own] if own else [])}):
            if not is_left(name):
                self._bring_year(name, records.get(name), None if name == own else shown)
        self._remove_unnamed()

    def _bring_year(self, name: str, found: "ObjectMeta | None", tables: Collection[str] | None) -> None:
        """Bring a record, unless its copy is that of the object found, and the files of these tables that it names, of all if None; one that is gone goes."""
        record = self._record(name)
        if found is None:
            self._tags[name], self._named[name] = None, {}
            record.unlink(missing_ok=True)
            return
        for _ in range(_TRIES):
            with suppress(_SweptError):
                new = None if _is_there(record, found) else self._read_record(name)
                named = files_named(new[1], name) if new else _named_in(record, mark_of(record))
                self._tags[name], self._named[name] = (new[0] if new else found)["e_tag"], named
                self._bring_files(name, named, tables, new)
                return
        raise StoreError(
            f"An object that the run record of {name} names is not there.",
            file=f"{self._address}/{_RUNS}/{name}.json",
            remedy="Ask again. If it stays away, put it back; "
            f"or remove the run record, and run: bess refresh {name}. The year then begins anew with edition 1.",
        )

    def _read_record(self, name: str) -> tuple["ObjectMeta", bytes]:
        import obstore  # noqa: PLC0415  of an extra

        with self._plain_errors():
            try:
                coming = obstore.get(self._store_of_it, self._key_of(f"{_RUNS}/{name}.json"))
            except FileNotFoundError:
                raise _SweptError from None
            return coming.meta, bytes(coming.bytes())

    def _bring_files(
        self,
        name: str,
        named: Mapping[str, Fingerprint],
        tables: Collection[str] | None,
        record: tuple["ObjectMeta", bytes] | None,
    ) -> None:
        """Bring what is lacking of the files that a record names, and put all in their places together with the record, if that is new."""
        wanted = {file: seen for file, seen in named.items() if tables is None or file.split("/")[0] in tables}
        lacking = [file for file, seen in wanted.items() if not _is_as(self._copy / file, seen)]
        paths = [*(self._copy / file for file in lacking), *([self._record(name)] if record else [])]
        with whole_set(paths) as temporaries:
            pairs = zip(lacking, temporaries, strict=False)
            for _ in in_order(_AT_ONCE, lambda pair: self._bring_file(pair[0], named[pair[0]], pair[1]), pairs):
                pass
            if record:
                temporaries[-1].write_bytes(record[1])
                os.utime(temporaries[-1], ns=(_time(record[0]), _time(record[0])))

    def _bring_file(self, file: str, seen: Fingerprint, to: Path) -> None:
        """Bring the content of a file; one that is not as it was written gets another time than its record says, as in a folder."""
        import obstore  # noqa: PLC0415  of an extra

        with self._plain_errors():
            try:
                coming = obstore.get(self._store_of_it, self._key_of(_object_of(file, seen)))
            except FileNotFoundError:
                raise _SweptError from None
            with to.open("wb") as out:
                for chunk in coming.stream(min_chunk_size=_CHUNK_BYTES):
                    out.write(chunk)
        if whole_digest(to) == seen["digest"]:
            os.utime(to, ns=(seen["mtime_ns"], seen["mtime_ns"]))

    def commit(self, name: str, text: str) -> None:
        """Put the files that a record names and that are not there, then the record in the place of the one that was read.

        Raises:
            YearLostError: another process has put a record meanwhile.
        """
        import obstore  # noqa: PLC0415  of an extra
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        named, key, tag = files_named(text, name), self._key_of(f"{_RUNS}/{name}.json"), self._tags[name]
        with self._plain_errors():
            for file, seen in named.items():
                if self._named[name].get(file) != seen:
                    obstore.put(self._store_of_it, self._key_of(_object_of(file, seen)), self._copy / file)
            try:
                put = obstore.put(self._store_of_it, key, text.encode(), mode={"e_tag": tag} if tag else "create")
            except (AlreadyExistsError, PreconditionError):
                found = obstore.get(self._store_of_it, key)
                if bytes(found.bytes()) != text.encode():  # else it is ours, and the answer was lost
                    self._record(name).unlink(missing_ok=True)
                    raise YearLostError(
                        f"Another process has recorded {name} in the object store: nothing of this run is read.",
                        file=self._address,
                        remedy=f"Look who writes there, then run: bess refresh {name} --only changed",
                    ) from None
                put = {"e_tag": found.meta["e_tag"], "version": None}
        self._tags[name], self._named[name] = put["e_tag"], named
        second = int(self._record(name).stat().st_mtime)
        mark = second * _SECOND + _mark(put["e_tag"] or "")
        os.utime(self._record(name), ns=(mark, mark))

    def sweep(self, name: str) -> None:
        """Remove the objects of a year that its record does not name, once they are so old that no run can be about to name them.

        Those of a table that only grows stay: nothing can make it again, should the record be lost.
        """
        import obstore  # noqa: PLC0415  of an extra

        from bess_assets.tables import TABLES  # noqa: PLC0415  loads more, and readers need none of it

        kept = tuple(f"{table.name}/" for table in TABLES.values() if table.append_only)
        standing = {self._key_of(_object_of(file, seen)) for file, seen in self._named[name].items()}
        now = datetime.now(UTC)
        with self._plain_errors():
            old = [
                key
                for key, found in self._list(self._store_of_it).items()
                if key not in standing
                and not key[self._below :].startswith(kept)
                and _year_of(key[self._below :]) == name
                and now - found["last_modified"] > _SWEPT_AFTER
            ]
            if old:
                obstore.delete(self._store_of_it, old)

    def _remove_unnamed(self) -> None:
        """Remove copies of the years brought that no record names: what a run that was killed, or lost its year, has left."""
        named = {file for files in self._named.values() for file in files}
        for folder in self._copy.glob("[!_.]*"):
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry.name.split(".")[0] in self._named:
                    for path in entry.iterdir() if entry.is_dir() else [entry]:
                        known = path.relative_to(self._copy).as_posix() in named
                        if path.is_file() and not known and path.suffix != ".damaged":
                            path.unlink()

    def _record(self, name: str) -> Path:
        return self._copy / _RUNS / f"{name}.json"

    def _key_of(self, name: str) -> str:
        return f"{self._key}/{name}" if self._key else name


def files_named(record: str | bytes, name: str) -> dict[str, Fingerprint]:
    """The files that the run record of a year names, as paths below the results.

    Raises:
        StoreError: it is no run record, or names what can be no file of results.
    """
    try:
        named = {
            f"{table}/{file}" if file.startswith(f"{name}.") else f"{table}/{name}/{file}": Fingerprint(
                size=seen["size"], mtime_ns=seen["mtime_ns"], digest=seen["digest"]
            )
            for table, entry in json.loads(record)["tables"].items()
            for file, seen in entry.get("files", {}).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        named = {"": Fingerprint(size=0, mtime_ns=0, digest="")}
    # a path that leads elsewhere would be written there
    if not all(_IS_FILE.fullmatch(file) and _IS_DIGEST.fullmatch(seen["digest"]) for file, seen in named.items()):
        raise StoreError(
            f"The run record of {name} {NOT_AS_WRITTEN}.",
            remedy=f"Put an earlier version of {_RUNS}/{name}.json back; or remove it, and run: bess refresh {name}. The year then begins anew with edition 1.",
        )
    return named


@lru_cache(maxsize=64)
def _named_in(record: Path, _mark: Mark | None) -> dict[str, Fingerprint]:
    return files_named(record.read_bytes(), record.stem)


def _object_of(file: str, seen: Fingerprint) -> str:
    """The key of a file's content: `leaderboard/2024.parquet` is at `leaderboard/2024.parquet/<digest>.parquet`."""
    return f"{file}/{seen['digest']}{Path(file).suffix}"


def _year_of(key: str) -> str:
    """The year in the key of an object of results, as in names."""
    return key.split("/")[1].split(".", maxsplit=1)[0] if key.count("/") > 1 else ""


def _is_as(path: Path, seen: Fingerprint) -> bool:
    with suppress(FileNotFoundError):
        return stamp(path) == (seen["size"], seen["mtime_ns"])
    return False
