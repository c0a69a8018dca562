"""Reports fetched from ERCOT into the folder of reports: what years need, what is there, what is brought, whole, and never more requests than ERCOT allows.

A document that was fetched is known by the name of its file, `<emil>/<year of posting>/<name>`, which has ERCOT's number of it and the time of posting. So a
fetch that was killed goes on where it was. A file that was removed once it was rolled up stays known by the index of reports.
"""

import json
import logging
import os
import shutil
import time
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from bess_assets.ercot.calendar import now_central
from bess_assets.ercot.client import MOST_IN_A_BATCH, Addresses, BrokenOffError, Client, Credentials
from bess_assets.ercot.publications import (
    Document,
    Publication,
    document_of,
    documents_of_year,
    file_name,
    missing_days,
    publications_of,
)
from bess_assets.ercot.reports import UNPACKING_ERRORS
from bess_assets.ercot.step import some
from bess_assets.errors import FetchError, InputError, RoomError, SettingsError, free_bytes, writing
from bess_assets.settings import CREDENTIALS, Settings
from bess_assets.store.listing import MARKER
from bess_assets.store.locks import fetch_lock, requests_lock
from bess_assets.store.rollup_files import INDEX_NAME, ReportIndex
from bess_assets.store.whole import read_sealed, whole_set, write_json, write_text

_BATCH_BYTES = 200 * 10**6
_AT_ONCE = 100
_TRIES = 4
_COPY_BYTES = 2**20
_SPARE_BYTES = 200 * 10**6
_LISTED_AGAIN = timedelta(days=10)
"""Lists begin so long before the last one: a document may appear in them later than it was posted."""
_STATE_NAME = "fetched.json"
_MARGIN = 0.05
_log = logging.getLogger(__name__)


class Quota:
    """Requests that ERCOT allows in a time, counted over all processes that use this home."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._path = settings, settings.locks / "ercot_requests.json"
        self._most, self.seconds = settings.ercot_quota

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may be made, and count it from when it was answered."""
        mine = time.time()
        while wait := self._take(mine):
            time.sleep(wait)
            mine = time.time()
        try:
            yield
        finally:
            with requests_lock(self._settings):
                self._write([time.time() if moment == mine else moment for moment in self._read()])

    def used_up(self) -> None:
        """ERCOT said that there were too many: no process makes another before the time has passed."""
        with requests_lock(self._settings):
            self._write([time.time()] * self._most)

    def _take(self, now: float) -> float:
        """Seconds to wait before asking again; 0 where the request was counted."""
        period = self.seconds * (1 + _MARGIN)
        with requests_lock(self._settings):
            # a clock that was put back must not stop everything: no time is in the future
            recent = sorted(min(moment, now) for moment in self._read() if moment > now - period)
            self._write(recent)
            if len(recent) >= self._most:
                return float(max(recent[-self._most] + period - now, 0.001))
            self._write([*recent, now])
        return 0.0

    def _read(self) -> list[float]:
        try:
            return [float(moment) for moment in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            return [time.time()] * self._most

    def _write(self, moments: list[float]) -> None:
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(moments[-self._most :]), encoding="utf-8")
        temporary.replace(self._path)


def credentials() -> Credentials | None:
    """Those of the environment; None where there are none.

    Raises:
        SettingsError: some are there and others are not.
    """
    found = [os.environ.get(name, "") for name in CREDENTIALS]
    if any(found) and not all(found):
        lacking = ", ".join(name for name, value in zip(CREDENTIALS, found, strict=True) if not value)
        raise SettingsError(
            f"{lacking} is not set, and the other credentials of ERCOT's public API are.",
            expected=f"{', '.join(CREDENTIALS)}, or none of them",
            remedy="Set what is missing; or unset all, and fetch what the public list shows.",
        )
    return Credentials(*found) if all(found) else None


def open_client(settings: Settings) -> Client:
    """A client of ERCOT, or of the server that is set in its place, within the quota of this home."""
    settings.locks.mkdir(parents=True, exist_ok=True)
    quota = Quota(settings)
    scale = min(quota.seconds / 60, 1.0)
    return Client(
        credentials(),
        Addresses.at(settings.ercot_url),
        quota.turn,
        quota.used_up,
        lambda seconds: time.sleep(seconds * scale),
    )


# --- what is there, and what is needed --------------------------------------------------------------------------------------------------


@dataclass
class Need:
    """What one report has to bring for some years.

    Attributes:
        publication: the report.
        years: asked for.
        there: documents that are there, or were removed once rolled up.
        lacking: documents to bring.
        shown: those of them to be taken from the public list.
        document_bytes: size of a document: the mean of those that are there, else an estimate.
        problem: why it could not be listed.
    """

    publication: Publication
    years: tuple[int, ...]
    there: list[Document]
    lacking: list[Document] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)
    document_bytes: int = 0
    problem: FetchError | None = None

    def batches(self, *, one_by_one: bool) -> list[list[Document]]:
        """Documents that are asked for at one request."""
        most = 1 if one_by_one else max(min(MOST_IN_A_BATCH, _BATCH_BYTES // max(self.document_bytes, 1)), 1)
        singles = [[d] for d in self.lacking if d.number in self.shown]
        others = [d for d in self.lacking if d.number not in self.shown]
        return [others[n : n + most] for n in range(0, len(others), most)] + singles


@dataclass
class Fetched:
    """What a fetch needs, and what it did.

    Attributes:
        needs: by report.
        requests: that the documents take.
        bytes: of them, estimated.
        seconds: that the requests take within the quota.
        brought: documents brought, and their bytes.
        failed: documents that could not be brought, with the report.
        missing: days of which no document was posted when it was due, by report and year.
    """

    needs: list[Need] = field(default_factory=list)
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    brought: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, Document]] = field(default_factory=list)
    missing: dict[tuple[str, int], list[date]] = field(default_factory=dict)

    @property
    def problems(self) -> list[FetchError]:
        """Why reports could not be listed."""
        return [need.problem for need in self.needs if need.problem]

    @property
    def failure(self) -> FetchError | None:
        """The one error of all that could not be fetched; None where everything came."""
        lacking = [f"{emil} document {document.number}, {document.name}" for emil, document in self.failed]
        if not (lacking or self.problems):
            return None
        return FetchError(
            " ".join(
                [*(error.problem for error in self.problems), f"Not fetched: {some(lacking)}." if lacking else ""]
            ).strip(),
            expected="every document that the years need",
            remedy=" ".join(
                [
                    *(error.remedy or "" for error in self.problems),
                    "Run bess fetch again: what is there is not fetched again.",
                ]
            ),
        )


Tell = Callable[[str], None]


def fetch(
    settings: Settings,
    years: Sequence[int],
    datasets: Collection[str] = (),
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    before: Callable[[Fetched], None] = lambda _needed: None,
    tell: Tell = lambda _text: None,
) -> Fetched:
    """Bring the documents that years need and that are not there; what is there is not brought again.

    Args:
        settings: of the home.
        years: operating years.
        datasets: whose reports are wanted; all if none is named.
        since: only documents posted from then on; if not given, those that no earlier fetch has listed.
        dry_run: list and say what is needed; bring nothing.
        before: called once it is known what is needed.
        tell: called with the progress.

    Raises:
        SettingsError: the folder of reports is in an object store.
        FetchError: ERCOT refuses, or cannot be reached.
        RoomError: the disk has no room for what is needed.
        YearBusyError: another process fetches.
    """
    if settings.reports in settings.copied:
        raise SettingsError(
            "BESS_REPORTS is in an object store: reports are fetched into a folder.",
            expected="a folder of this machine",
            remedy="Fetch into a folder, and copy the files from there into the store.",
        )
    client, now = open_client(settings), now_central().replace(tzinfo=None)
    with ExitStack() as held:
        if not dry_run:
            held.enter_context(fetch_lock(settings))
            _remove_half_written(settings.reports)
            _keep_apart(settings)
        found, state = Fetched(), _State(settings)
        known = known_documents(settings)
        for publication in publications_of(years, datasets):
            own = [year for year in years if publication.first_day.year <= year]
            sizes = known[publication.emil]
            need = Need(publication, tuple(own), list(sizes))
            need.document_bytes = _mean(sizes.values()) or publication.document_bytes
            found.needs.append(need)
            tell(f"{publication.emil}: listing its documents")
            try:
                _list(client, need, state, since, now)
            except FetchError as error:
                if error.status != 404:
                    raise
                need.problem = error
        one_by_one = client.credentials is None
        batches = [(need, batch) for need in found.needs for batch in need.batches(one_by_one=one_by_one)]
        found.requests = len(batches)
        found.bytes = sum(need.document_bytes * len(need.lacking) for need in found.needs)
        most, seconds = settings.ercot_quota
        found.seconds = max(len(batches) - most, 0) / most * seconds
        before(found)
        if not dry_run:
            _require_room(settings, found)
            _Bringing(settings.reports, client, found, tell).bring(batches)
        for need in found.needs:
            there = [*need.there, *need.lacking]
            for year in need.years:
                if missing := missing_days(need.publication, year, there, now):
                    found.missing[need.publication.emil, year] = missing
            # a list need not be read again where all of it is there
            if not (dry_run or since or need.problem or any(emil == need.publication.emil for emil, _ in found.failed)):
                state.note(need, now)
        return found


def known_documents(settings: Settings) -> defaultdict[str, dict[Document, int]]:
    """Documents that were fetched, by report, with the size of their files; 0 where it was removed once it was rolled up."""
    known = defaultdict[str, dict[Document, int]](dict)
    for path in settings.reports.glob("*/*/*"):
        if document := document_of(path.name):
            known[path.parts[-3]][document] = path.stat().st_size
    for name, removed in ReportIndex(settings.built / INDEX_NAME, settings.reports).rolled_up(settings.built):
        if removed and (document := document_of(name.rsplit("/", 1)[-1])):
            known[name.split("/", 1)[0]].setdefault(document, 0)
    return known


@dataclass(frozen=True)
class There:
    """The documents of one report that are there for a year.

    Attributes:
        publication: the report.
        documents: those that the year needs, in the order of posting.
        bytes: of their files; those that were removed have none.
        missing: days of which no document was posted when it was due.
    """

    publication: Publication
    documents: list[Document]
    bytes: int
    missing: list[date]


def documents_there(settings: Settings, year: int) -> list[There]:
    """The documents that are there for a year, by report."""
    known, now, found = known_documents(settings), now_central().replace(tzinfo=None), []
    for publication in publications_of([year]):
        sizes = known[publication.emil]
        documents = documents_of_year(publication, year, list(sizes))
        missing = missing_days(publication, year, documents, now)
        found.append(There(publication, documents, sum(sizes[d] for d in documents), missing))
    return found


def remove_rolled_up(settings: Settings) -> tuple[int, int]:
    """Remove fetched files all of whose reports are in rollups; the index remembers them. Returns how many files, and bytes."""
    index, files, size = ReportIndex(settings.built / INDEX_NAME, settings.reports), 0, 0
    gone = []
    for name, removed in index.rolled_up(settings.built):
        path = settings.reports / name
        if not removed and document_of(path.name) and index.entries(name) is not None:
            index.files[name]["removed"] = True
            gone.append(path)
    index.save()
    for path in gone:
        files, size = files + 1, size + path.stat().st_size
        path.unlink()
    return files, size


def ending_of(file: IO[bytes]) -> str:
    """`xlsx` for a workbook, which is a ZIP file too, else `zip`.

    Raises:
        BadZipFile, or another of `UNPACKING_ERRORS`: it is no whole ZIP file.
    """
    with zipfile.ZipFile(file) as packed:
        if not packed.namelist() or packed.testzip() is not None:
            raise zipfile.BadZipFile("it holds nothing, or not what was packed")
        return "xlsx" if "[Content_Types].xml" in packed.namelist() else "zip"


def _mean(sizes: Iterable[int]) -> int:
    there = [size for size in sizes if size]
    return sum(there) // len(there) if there else 0


class _State:
    """Until when the documents of each report and year were listed, in a file of the home: the next list begins there."""

    def __init__(self, settings: Settings) -> None:
        self._path, self._until = settings.home / _STATE_NAME, dict[str, str]()
        with suppress(OSError, ValueError, KeyError, TypeError):
            self._until = dict(read_sealed(self._path)["listed_until"])

    def begins(self, need: Need, now: datetime) -> datetime:
        """From when a report must be listed for its years: from their beginning where a day is missing."""
        starts = []
        for year in need.years:
            begins, until = need.publication.begins(year), self._until.get(f"{need.publication.emil} {year}")
            whole = until and not missing_days(need.publication, year, need.there, now)
            starts.append(max(datetime.fromisoformat(until) - _LISTED_AGAIN, begins) if until and whole else begins)
        return min(starts)

    def note(self, need: Need, now: datetime) -> None:
        for year in need.years:
            self._until[f"{need.publication.emil} {year}"] = need.publication.ends(year, now).isoformat()
        write_json(self._path, {"listed_until": self._until})


def _list(client: Client, need: Need, state: _State, since: datetime | None, now: datetime) -> None:
    """Find the documents of a report that are not there; where days are missing in the API, also those that the public list shows."""
    publication, known = need.publication, {document.number for document in need.there}
    shown: list[Document] = []
    if client.credentials is None:
        listed = [document for document in client.shown(publication) if not since or document.posted >= since]
    else:
        begins = since or state.begins(need, now)
        ends = max(publication.ends(year, now) for year in need.years)
        listed = client.documents(publication, begins, ends) if begins < ends else []
        if not since and _other_source_helps(need, listed, now):
            shown = client.shown(publication)
            need.shown = {document.number for document in shown} - {document.number for document in listed}
            listed += [document for document in shown if document.number in need.shown]
    # documents that are there say which name is usual, and which day has two
    every = {document.number: document for document in (*need.there, *listed)}
    wanted = {d.number: d for year in need.years for d in documents_of_year(publication, year, list(every.values()))}
    need.lacking = [document for document in wanted.values() if document.number not in known]
    need.shown &= {document.number for document in need.lacking}


def _other_source_helps(need: Need, listed: list[Document], now: datetime) -> bool:
    """Whether the public list may show a day that is missing."""
    own = need.publication
    missing = [day for year in need.years for day in missing_days(own, year, [*need.there, *listed], now)]
    shown_from = (now - own.lag - timedelta(days=own.shown_days or 31)).date()
    return any(day >= shown_from for day in missing)


def _keep_apart(settings: Settings) -> None:
    """Note that what comes from another server is made up, and never mix it with ERCOT's reports.

    Raises:
        InputError: the folder of reports has some of the other kind.
    """
    marker = settings.reports / MARKER
    if marker.is_file() != bool(settings.ercot_url) and any(settings.reports.glob("*")):
        raise InputError(
            f"The reports that are there are {'made up' if marker.is_file() else 'real'}, and this server's are not.",
            file=settings.reports,
            expected="reports of one kind in a folder",
            remedy="Use another home (--home), or unset BESS_ERCOT_URL to fetch from ERCOT.",
        )
    if settings.ercot_url:
        write_text(marker, '{"note": "Fetched from a server that is not ERCOT\'s."}\n')


def _require_room(settings: Settings, found: Fetched) -> None:
    largest = max((min(need.document_bytes * len(need.lacking), _BATCH_BYTES) for need in found.needs), default=0)
    needed, free = found.bytes + largest + _SPARE_BYTES, free_bytes(settings.reports)
    if found.bytes and needed > free:
        raise RoomError(
            f"The reports would not fit on the disk: about {found.bytes / 1e9:,.1f} GB are to be fetched, and {free / 1e9:,.1f} GB are free.",
            file=settings.reports,
            expected=f"{needed / 1e9:,.1f} GB",
            remedy="Make room there, name another folder in BESS_REPORTS, or fetch fewer years or datasets (--only). Nothing was fetched.",
        )


def _remove_half_written(reports: Path) -> None:
    for pattern in (".*.tmp", "*/*/.*.tmp"):
        for path in reports.glob(pattern):
            path.unlink(missing_ok=True)


# --- bringing -----------------------------------------------------------------------------------------------------------------------------


@dataclass
class _Bringing:
    """Downloads batches of documents into the folder of reports."""

    reports: Path
    client: Client
    found: Fetched
    tell: Tell

    def bring(self, batches: Iterable[tuple[Need, list[Document]]]) -> None:
        """Bring batches; what of one does not come, or not whole, is asked for again in halves."""
        queue = deque((need, batch, 1) for need, batch in batches)
        total = sum(len(batch) for _, batch, _ in queue)
        self.reports.mkdir(parents=True, exist_ok=True)
        scratch = self.reports / ".fetching.tmp"
        started = time.monotonic()
        try:
            while queue:
                need, batch, tries = queue.popleft()
                done = self.found.brought["documents"]
                rate = (time.monotonic() - started) / max(done, 1)
                self.tell(
                    f"{need.publication.emil}: {done:,} of {total:,} documents, {self.found.brought['bytes'] / 1e6:,.0f} MB"
                    + (f", about {rate * (total - done) / 60:,.0f} minutes left" if done else "")
                )
                came = self._bring_batch(need, batch, scratch)
                left = [document for document in batch if document.number not in came]
                half = (len(left) + 1) // 2
                if left and tries == _TRIES:
                    self.found.failed += [(need.publication.emil, document) for document in left]
                elif left:
                    queue.extend((need, part, tries + 1) for part in (left[:half], left[half:]) if part)
        finally:
            scratch.unlink(missing_ok=True)

    def _bring_batch(self, need: Need, batch: Sequence[Document], scratch: Path) -> set[int]:
        """Numbers of the documents that came whole."""
        own, first, single = need.publication, batch[0], len(batch) == 1
        shown = first.number in need.shown
        chunks = self.client.document(own, first, shown=shown) if single else self.client.batch(own, batch)
        try:
            with writing(scratch), scratch.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            if single:
                return self._put(own, {first: lambda: scratch.open("rb")})
            came = set[int]()
            with zipfile.ZipFile(scratch) as archive:
                inside = {name.rsplit("/", 1)[-1].split(".")[0]: name for name in archive.namelist()}
                there = {d: partial(archive.open, inside[str(d.number)]) for d in batch if str(d.number) in inside}
                for n in range(0, len(there), _AT_ONCE):
                    came |= self._put(own, dict(islice(there.items(), n, n + _AT_ONCE)))
        except (BrokenOffError, FetchError, zipfile.BadZipFile) as error:
            if isinstance(error, FetchError) and error.status not in {400, 404}:
                raise
            _log.info("%s: %d documents did not come whole: %s", own.emil, len(batch), error)
            return set()
        return came

    def _put(self, own: Publication, documents: Mapping[Document, Callable[[], IO[bytes]]]) -> set[int]:
        """Put documents into their places, those that are whole ZIP files, workbooks among them; returns their numbers."""
        places = dict[Path, Document]()
        for document, open_bytes in documents.items():
            with suppress(*UNPACKING_ERRORS), open_bytes() as source:
                ending = ending_of(source)
                places[self.reports / own.emil / f"{document.posted:%Y}" / file_name(own, document, ending)] = document
        with whole_set(list(places)) as temporaries:
            for temporary, document in zip(temporaries, places.values(), strict=True):
                with writing(temporary), documents[document]() as source, temporary.open("wb") as file:
                    shutil.copyfileobj(source, file, _COPY_BYTES)
        self.found.brought.update(documents=len(places), bytes=sum(path.stat().st_size for path in places))
        return {document.number for document in places.values()}
