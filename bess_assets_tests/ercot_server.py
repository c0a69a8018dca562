"""A server on this machine that answers as ERCOT's do, with the reports of a made-up market: `python -m bess_assets_tests.ercot_server REPORTS`.

It speaks the shapes of the public API (token, archive lists, downloads of one and of many documents) and of the public list, counts requests, refuses more than
its quota, and has faults planted: `Faults`. REPORTS is a folder that `bess simulate .. --format reports` made.
"""

import argparse
import io
import json
import re
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

USER = {
    "ERCOT_API_USERNAME": "reader@example.com",
    "ERCOT_API_PASSWORD": "a pass&word=1",
    "ERCOT_PUBLIC_API_SUBSCRIPTION_KEY": "0123456789abcdef",
}
REPORT_OF_FOLDER = {
    "60-Day_DAM_Disclosure_Reports": ("NP3-966-ER", 13051),
    "60-Day_SCED_Disclosure_Reports": ("NP3-965-ER", 13052),
    "60-Day_COP_Adjustment_Period_Snapshot": ("NP1-301", 10038),
    "DAM_Settlement_Point_Prices": ("NP4-190-CD", 12331),
    "DAM_Clearing_Prices_for_Capacity": ("NP4-188-CD", 12329),
    "RT_Settlement_Point_Prices": ("NP6-905-CD", 12301),
    "RT_Clearing_Prices_for_Capacity": ("NP6-331-CD", 24898),
    "RT_Clearing_Prices_by_SCED": ("NP6-332-CD", 24891),
    "RT_Price_Adders_by_SCED": ("NP6-323-CD", 13221),
    "DAM_histories": ("NP4-181-ER", 13091),
    "DAM_corrections": ("NP4-196-M", 13044),
    "RTM_corrections": ("NP4-197-M", 13045),
    "RT_histories": ("NP6-796-ER", 0),
    "SCED_histories": ("NP6-795-ER", 0),
    "adder_histories": ("NP6-792-ER", 13231),
}
"""ERCOT's id and type of the reports in each folder of a made-up market; the last ones are of tests."""
MOST_ROWS = 1_000
MOST_IDS = 1_000
_NAME = re.compile(r"(?:rpt|cdr)\.\d{8}\.\d{16}\.(\d{8}\.\d{9})\.(.+?)( \(\d\))?\.(?:zip|csv)")


@dataclass(frozen=True)
class Posted:
    """A document: what ERCOT's lists say of it, and the file's content."""

    emil: str
    number: int
    name: str
    posted: datetime
    content: bytes = field(repr=False)


@dataclass
class Faults:
    """What goes wrong.

    Attributes:
        cut: how many more times a document, by number, comes cut short.
        spoiled: how many more times it comes with a byte that is another.
        moved: address to which requests to the API are sent on.
        missing: how many more times it is not in a batch.
        broken_batches: how many more batches end before their end.
        empty_lists: how many more lists answer 200 without a row.
        too_many: numbers of requests, counted from 1, that are answered 429.
        fails: numbers of requests that are answered 503.
        token_uses: requests after which a token has expired.
        refused: every request is answered 403.
        renamed: ids that the server does not know any more.
        unlisted: documents, by number, that the API does not list, and the public list shows.
        shown_days: how many days the public list goes back.
    """

    cut: Counter[int] = field(default_factory=Counter)
    spoiled: Counter[int] = field(default_factory=Counter)
    moved: str | None = None
    missing: Counter[int] = field(default_factory=Counter)
    broken_batches: int = 0
    empty_lists: int = 0
    too_many: frozenset[int] = frozenset()
    fails: frozenset[int] = frozenset()
    token_uses: int = 10**9
    refused: bool = False
    renamed: frozenset[str] = frozenset()
    unlisted: frozenset[int] = frozenset()
    shown_days: int = 10_000


class _Quiet(ThreadingHTTPServer):
    """A client that was killed is no news."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class Server:
    """The server, in a thread: `with Server(documents) as server: .. server.url`.

    Attributes:
        documents: what it hands out; more may be posted while it runs.
        faults: what goes wrong.
        requests: method and path of every request, in order, with the moment of its arrival.
        over_quota: how many requests came too early.
        downloads: how often each document was handed out.
    """

    def __init__(
        self,
        documents: list[Posted],
        faults: Faults | None = None,
        quota: int = 30,
        minute: float = 60.0,
        port: int = 0,
    ) -> None:
        self.documents, self.faults = list(documents), faults or Faults()
        self.quota, self.minute = quota, minute
        self.requests: list[tuple[float, str, str]] = []
        self.over_quota, self.tokens, self.downloads = 0, Counter[str](), Counter[int]()
        self.lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._http = _Quiet(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve(self) -> None:
        """Answer until stopped."""
        self._http.serve_forever()

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a fetch asks this server."""
        return {"BESS_ERCOT_URL": self.url, "BESS_ERCOT_QUOTA": f"{self.quota}/{self.minute:g}", **USER}

    def paths(self, part: str) -> list[str]:
        """Paths of the requests that hold a text."""
        return [path for _, _, path in self.requests if part in path]

    def count(self, method: str, path: str) -> int:
        """Note a request: its number, or 0 where it came too early."""
        with self.lock:
            now = time.monotonic()
            recent = [moment for moment, _, _ in self.requests if moment > now - self.minute]
            self.requests.append((now, method, path))
            if len(recent) >= self.quota:
                self.over_quota += 1
                return 0
            return len(self.requests)


class _Handler(BaseHTTPRequestHandler):
    server_of: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        server, faults = self.server_of, self.server_of.faults
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        number = server.count(self.command, self.path)
        if faults.refused:
            self._send(403, b"<html>Access Denied</html>", "text/html")
        elif faults.moved and address.path.startswith("/api/"):
            self.send_response(302)
            self.send_header("Location", f"{faults.moved}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif number == 0 or number in faults.too_many:
            self._send(429, b'{"statusCode": 429, "message": "Rate limit is exceeded."}')
        elif number in faults.fails:
            self._send(503, b"")
        elif address.path == "/token":
            self._token(parse_qs(body.decode()))
        elif address.path == "/misapp/servlets/IceDocListJsonWS":
            self._shown(int(asked["reportTypeId"]))
        elif address.path == "/misdownload/servlets/mirDownload":
            self._one(int(asked["doclookupId"]))
        elif match := re.fullmatch(r"/api/public-reports/archive/([a-z0-9-]+)(/download)?", address.path):
            self._archive(match[1].upper(), asked, body if match[2] else None)
        else:
            self._send(404, b"")

    def _token(self, form: Mapping[str, list[str]]) -> None:
        wanted = {
            "grant_type": ["password"], "username": [USER["ERCOT_API_USERNAME"]], "password": [USER["ERCOT_API_PASSWORD"]],
            "response_type": ["id_token"], "client_id": ["fec253ea-0d06-4272-a5e6-b478baeecd70"],
            "scope": ["openid fec253ea-0d06-4272-a5e6-b478baeecd70 offline_access"],
        }  # fmt: skip
        if form != wanted:
            # as Azure AD B2C says it
            words = f"AADB2C90225: The username or password provided in the request are invalid. {form.get('username')}"
            self._json({"error": "access_denied", "error_description": words}, 400)
            return
        token = f"token-{len(self.server_of.tokens)}"
        self.server_of.tokens[token] = 0
        self._json({"id_token": token, "token_type": "Bearer", "expires_in": "3600"})

    def _archive(self, emil: str, asked: Mapping[str, str], body: bytes | None) -> None:
        server, faults = self.server_of, self.server_of.faults
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        key = self.headers.get("Ocp-Apim-Subscription-Key")
        with server.lock:
            known = token in server.tokens and server.tokens[token] < faults.token_uses
            server.tokens[token] += known
        if not known or key != USER["ERCOT_PUBLIC_API_SUBSCRIPTION_KEY"]:
            self._json({"statusCode": 401, "message": "Unauthorized"}, 401)
        elif emil in faults.renamed:
            self._json({"statusCode": 404, "message": "Resource not found"}, 404)
        elif body is not None:
            self._batch(json.loads(body)["docIds"])
        elif "download" in asked:
            self._one(int(asked["download"]))
        else:
            self._list(emil, asked)

    def _list(self, emil: str, asked: Mapping[str, str]) -> None:
        since, until = (datetime.fromisoformat(asked[f"postDatetime{end}"]) for end in ("From", "To"))
        with self.server_of.lock:
            empty = self.server_of.faults.empty_lists > 0
            self.server_of.faults.empty_lists -= empty
        documents = [
            document
            for document in sorted(self.server_of.documents, key=lambda document: document.posted, reverse=True)
            if document.emil == emil and since <= document.posted <= until and not empty
            if document.number not in self.server_of.faults.unlisted
        ]
        size, page = min(int(asked["size"]), MOST_ROWS), int(asked["page"])
        rows = [
            {
                "docId": document.number,
                "friendlyName": document.name,
                "postDatetime": document.posted.isoformat(timespec="milliseconds"),
                "_links": {
                    "endpoint": {"href": f"{self.server_of.url}/archive/{emil.lower()}?download={document.number}"}
                },
            }
            for document in documents[(page - 1) * size : page * size]
        ]
        meta = {
            "totalRecords": len(documents), "pageSize": size, "currentPage": page, "totalPages": -(-len(documents) // size),
            "query": dict(asked),
        }  # fmt: skip
        self._json({"_meta": meta, "archives": rows} if rows else {"_meta": meta})

    def _shown(self, type_id: int) -> None:
        since = datetime.now() - timedelta(days=self.server_of.faults.shown_days)
        emil = next(emil for emil, number in REPORT_OF_FOLDER.values() if number == type_id)
        documents = [
            {
                "Document": {
                    "DocID": str(document.number + (9_000_000 if ending == "xml" else 0)),
                    "ReportTypeID": str(type_id),
                    "FriendlyName": document.name if ending == "csv" else document.name.replace("_csv", "_xml"),
                    "Extension": "zip" if ending == "csv" else "xml",
                    "PublishDate": f"{document.posted.isoformat(timespec='seconds')}-05:00",
                    "ContentSize": str(len(document.content)),
                }
            }
            for document in self.server_of.documents
            if document.emil == emil and document.posted > since
            for ending in ("csv", "xml")
        ]
        self._json({"ListDocsByRptTypeRes": {"DocumentList": documents}})

    def _one(self, number: int) -> None:
        document = next((document for document in self.server_of.documents if document.number == number), None)
        if document is None:
            self._send(404, b"")
        else:
            self._send(200, self._content(document), "application/zip")

    def _batch(self, numbers: list[int]) -> None:
        if len(numbers) > MOST_IDS:
            self._send(400, b"")
            return
        held, faults = io.BytesIO(), self.server_of.faults
        by_number = {document.number: document for document in self.server_of.documents}
        with zipfile.ZipFile(held, "w") as batch:
            for number in numbers:
                if number in by_number and not self._counted_down(faults.missing, number):
                    batch.writestr(f"{number}.zip", self._content(by_number[number]))
        with self.server_of.lock:
            broken = faults.broken_batches > 0
            faults.broken_batches -= broken
        self._send(200, held.getvalue(), "application/zip", whole=not broken)

    def _content(self, document: Posted) -> bytes:
        with self.server_of.lock:
            self.server_of.downloads[document.number] += 1
        cut = self._counted_down(self.server_of.faults.cut, document.number)
        if self._counted_down(self.server_of.faults.spoiled, document.number):
            place = document.content.index(b".csv") + 8  # in the first member, packed
            spoiled = bytes([document.content[place] ^ 255])
            return document.content[:place] + spoiled + document.content[place + 1 :]
        return document.content[: len(document.content) // 2] if cut else document.content

    def _counted_down(self, planted: Counter[int], number: int) -> bool:
        with self.server_of.lock:
            due = planted[number] > 0
            planted[number] -= due
            return due

    def _json(self, content: Any, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, content: bytes, kind: str = "application/json", *, whole: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if whole else content[: len(content) // 2])
        self.close_connection = not whole


# --- the reports of a made-up market --------------------------------------------------------------------------------------------------


def documents_in(reports: Path, first_number: int = 1_000_000_001) -> list[Posted]:
    """The files of a made-up market as documents, numbered in the order of posting."""
    found = [
        (posted, emil, name, content)
        for folder, (emil, _) in REPORT_OF_FOLDER.items()
        for path in sorted((reports / folder).rglob("*"))
        if path.is_file()
        for name, posted, content in _documents_of(path)
    ]
    found.sort(key=lambda document: document[:3])
    return [
        Posted(emil, first_number + n, name, posted, content) for n, (posted, emil, name, content) in enumerate(found)
    ]


def _documents_of(path: Path) -> Iterator[tuple[str, datetime, bytes]]:
    """Name, post time and ZIP of each document that a file makes: a reader may have unpacked it, or packed several into one."""
    match = _NAME.fullmatch(path.name)
    if match and path.suffix == ".zip":
        yield match[2], _stamp(match[1]), path.read_bytes()
    elif match:
        yield match[2], _stamp(match[1]), zipped({path.name: path.read_bytes()})
    elif path.suffix == ".csv":
        day = re.search(r"-(\d\d-[A-Z]{3}-\d\d)\.csv$", path.name) or re.search(r"_(\d{8})\.csv$", path.name)
        assert day, path
        posted = datetime.strptime(day[1], "%d-%b-%y" if "-" in day[1] else "%m%d%Y")
        yield path.stem, posted + timedelta(hours=5), zipped({path.name: path.read_bytes()})
    else:
        with zipfile.ZipFile(path) as archive:
            editions = {info.filename.split("/")[0]: datetime(*info.date_time) for info in archive.infolist()}
            for edition, posted in editions.items():
                members = [name for name in archive.namelist() if name.startswith(f"{edition}/")]
                yield path.stem, posted, zipped({name.split("/")[-1]: archive.read(name) for name in members})


def _stamp(text: str) -> datetime:
    return datetime.strptime(f"{text}000", "%Y%m%d.%H%M%S%f")


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A ZIP of some files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return held.getvalue()


def main() -> None:
    """Serve the reports of a folder until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bess_assets_tests.ercot_server", description=__doc__)
    parser.add_argument(
        "reports",
        type=Path,
        nargs="?",
        help="a folder that bess simulate --format reports made; else a small one is made",
    )
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--minute", type=float, default=60.0, help="seconds of a minute of the quota")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.reports
        if folder is None:
            from bess_assets.simulator import simulate

            print("simulating a market of 2024", flush=True)
            simulate(Path(scratch), (2024,), 4, 1, "harmless", form="reports")
            folder = Path(scratch) / "reports"
        documents = documents_in(folder)
        server = Server(documents, minute=options.minute, port=options.port)
        print(f"{len(documents):,} documents at {server.url}. Ask for them with:")
        print("\n".join(f"export {name}='{value}'" for name, value in server.environment.items()), flush=True)
        server.serve()


if __name__ == "__main__":
    main()
