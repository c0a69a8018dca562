"""Inputs in object stores: what lies at `s3://bucket/prefix` is copied into the home before it is read, so that all other modules know folders alone.

A copy has the size of its object, and a modification time of which the seconds are the object's and the rest is drawn from its ETag. By these it is known to
be the copy of the object as it is now, and its fingerprint is the same in every home.

`obstore`, of the extra `s3`, reads address, region and credentials of the store from the usual variables: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY. No error repeats its words: they hold what the store has answered.
"""

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bess_assets.errors import SettingsError, StoreError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import stamp
from bess_assets.store.locks import copies_lock
from bess_assets.store.whole import whole
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
            tell(f"{self._address}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {key}", done / max(total, 1))

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

    def _list(self, store: "S3Store") -> dict[str, "ObjectMeta"]:
        """The objects below the address by key; hidden ones, and what only stands for a folder, are left out as they are of a folder."""
        import obstore  # noqa: PLC0415  of an extra

        found = {o["path"]: o for page in obstore.list(store, self._key or None, chunk_size=1000) for o in page}
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
    e_tag = (found["e_tag"] or found["last_modified"].isoformat()).strip('"')
    digest = hashlib.sha256(e_tag.encode()).digest()
    return int(found["last_modified"].timestamp()) * _SECOND + int.from_bytes(digest[:8]) % _SECOND
