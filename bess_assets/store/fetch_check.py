"""What a first user of ERCOT's servers sees of them: login, one list and one document of each report, headings recognised or not; without a secret."""

import platform
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import bess_assets
from bess_assets.ercot.calendar import now_central
from bess_assets.ercot.client import BrokenOffError, Client
from bess_assets.ercot.publications import Document, Publication, publications_of
from bess_assets.ercot.reports import UNPACKING_ERRORS, open_reports, recognise
from bess_assets.errors import FetchError
from bess_assets.settings import Settings
from bess_assets.store.fetching import ending_of, open_client

_BEGINNING_BYTES = 2**16


def check_lines(settings: Settings, datasets: Collection[str] = ()) -> Iterator[str]:
    """A block to paste into a bug report: versions, the login, and of each report what its list and its newest document hold."""
    client, now = open_client(settings), now_central().replace(tzinfo=None)
    yield f"bess {bess_assets.__version__}, Python {platform.python_version()}, {platform.system()}, {now:%Y-%m-%d %H:%M} Central"
    if client.credentials is None:
        yield "no credentials: the public list"
    else:
        try:
            client.log_in()
            yield "login: a token came"
        except FetchError as error:
            yield f"login: {error.problem} (status {error.status})"
            return
    for publication in publications_of([now.year], datasets):
        try:
            yield from _of_one(client, publication, now)
        except FetchError as error:
            yield f"{publication.emil}: {error.problem} (status {error.status})"


def _of_one(client: Client, publication: Publication, now: datetime) -> Iterator[str]:
    since = now - timedelta(days=2 if publication.a_day > 1 else 40)
    listed = client.shown(publication) if client.credentials is None else client.documents(publication, since, now)
    if not listed:
        unknown = client.credentials is None and not publication.type_id
        yield f"{publication.emil}: {'not on the public list, its type is unknown' if unknown else 'listed, no document'}"
        return
    newest = max(listed, key=lambda document: (document.posted, document.number))
    yield f"{publication.emil}: {len(listed):,} documents, the newest {newest.name}, posted {newest.posted:%Y-%m-%d %H:%M}"
    with TemporaryDirectory(prefix="bess-check-") as folder:
        try:
            path = _download(client, publication, newest, Path(folder))
        except (BrokenOffError, *UNPACKING_ERRORS) as error:
            yield f"  it did not come whole: {error}"
            return
        yield f"  {path.stat().st_size:,} bytes"
        for report, open_bytes in open_reports(path):
            try:
                with open_bytes() as file:
                    heading = recognise(report.name, file.read(_BEGINNING_BYTES))
                words = (
                    f"recognised as {heading.dataset.name}" if heading.dataset else f"not recognised: {heading.why_not}"
                )
            except UNPACKING_ERRORS as error:
                words = f"not readable: {error}"
            yield f"  {report.name}: {words}"


def _download(client: Client, publication: Publication, document: Document, folder: Path) -> Path:
    path = folder / "document"
    with path.open("wb") as file:
        for chunk in client.document(publication, document):
            file.write(chunk)
    with path.open("rb") as file:
        ending = ending_of(file)
    return path.rename(folder / f"{document.name}.{ending}")
