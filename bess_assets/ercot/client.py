"""A client of ERCOT's public API, and of the public list, which asks for no login: documents listed by the time of posting, and downloaded.

It asks for its turn before each request, and again where ERCOT says that there were too many. What it is given to sign requests with is in no message.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bess_assets.ercot.publications import Document, Publication
from bess_assets.errors import FetchError

if TYPE_CHECKING:
    import requests

MOST_IN_A_BATCH = 1_000
"""Documents that ERCOT hands out at one request, and rows of a page of a list."""
_CHUNK_BYTES = 2**20
_TIMEOUT_SECONDS = (15, 180)
_TRIES = 4
_MOST_TURNS_LOST = 30
_TOKEN_SECONDS = 50 * 60
_CLIENT_ID = "fec253ea-0d06-4272-a5e6-b478baeecd70"
"""ERCOT's own, the same for all users of the API."""


@dataclass(frozen=True)
class Credentials:
    """What ERCOT gave a user: name, password, and the key of the subscription to the public API; shown nowhere."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True)
class Addresses:
    """Where ERCOT answers."""

    api: str = "https://api.ercot.com/api/public-reports"
    token: str = "https://ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token"  # noqa: S105  an address
    site: str = "https://www.ercot.com"

    @classmethod
    def at(cls, server: str | None) -> "Addresses":
        """Those of another server that answers like ERCOT's; ERCOT's own if none is given."""
        return cls(f"{server}/api/public-reports", f"{server}/token", server) if server else cls()


Turn = Callable[[], AbstractContextManager[None]]
"""Waits for the turn of a request, which is made inside."""


class Client:
    """Lists and downloads documents; from the public API with credentials, else from the public list.

    Args:
        credentials: those of a user; None for the public list alone.
        addresses: of the servers.
        turn: waits until another request may be made.
        turns_used: called where ERCOT says that there were too many requests.
        wait: waits some seconds before a request is made again.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        addresses: Addresses,
        turn: Turn,
        turns_used: Callable[[], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        import requests  # noqa: PLC0415  only who fetches waits for it

        self.credentials, self._at = credentials, addresses
        self._turn, self._turns_used, self._wait = turn, turns_used, wait
        self._session = requests.Session()
        self._token, self._token_until = "", 0.0

    # --- lists ----------------------------------------------------------------------------------------------------------------------------

    def documents(self, publication: Publication, since: datetime, until: datetime) -> list[Document]:
        """Documents posted in a time, by the API; a list that comes short is asked for once more."""
        best: dict[int, Document] = {}
        for _ in range(2):
            found, total = self._pages(publication, since, until)
            best |= found
            if best and len(best) >= total:
                break
        return list(best.values())

    def _pages(self, publication: Publication, since: datetime, until: datetime) -> tuple[dict[int, Document], int]:
        found, twins, page, pages, total = dict[int, Document](), 0, 1, 1, 0
        while page <= pages:
            asked = {"postDatetimeFrom": f"{since:%Y-%m-%dT%H:%M:%S}", "postDatetimeTo": f"{until:%Y-%m-%dT%H:%M:%S}"}
            content = self._json(
                publication,
                self._ask(
                    "GET",
                    self._archive(publication),
                    publication,
                    params={**asked, "size": MOST_IN_A_BATCH, "page": page},
                ),
            )
            try:
                meta = content.get("_meta") or {}
                pages, total = int(meta.get("totalPages") or 1), int(meta.get("totalRecords") or 0)
                rows = content.get("archives") or []
                listed = [Document(int(r["docId"]), _plain(r["friendlyName"]), _time(r["postDatetime"])) for r in rows]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise _otherwise(publication, error) from error
            # the XML twin of a CSV may be listed, and is not used
            used = {document.number: document for document in listed if not document.name.lower().endswith("xml")}
            found, twins, page = found | used, twins + len(listed) - len(used), page + 1
        return found, total - twins

    def shown(self, publication: Publication) -> list[Document]:
        """Documents that the public list shows; none where the type of the report is not known."""
        if not publication.type_id:
            return []
        address = f"{self._at.site}/misapp/servlets/IceDocListJsonWS"
        asked = {"reportTypeId": publication.type_id}
        content = self._json(publication, self._ask("GET", address, publication, signed=False, params=asked))
        try:
            rows = content["ListDocsByRptTypeRes"].get("DocumentList") or []
            documents = [row["Document"] for row in ([rows] if isinstance(rows, dict) else rows)]
            return [
                Document(int(d["DocID"]), _plain(d["FriendlyName"]), _time(d["PublishDate"]))
                for d in documents
                if "xml" not in (str(d.get("Extension", "")).lower(), str(d["FriendlyName"]).lower()[-3:])
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _otherwise(publication, error) from error

    # --- documents ------------------------------------------------------------------------------------------------------------------------

    def batch(self, publication: Publication, documents: Sequence[Document]) -> Iterator[bytes]:
        """The bytes of a ZIP that holds `<number>.zip` of each document, by the API."""
        numbers = {"docIds": [document.number for document in documents]}
        yield from self._bytes(self._ask("POST", f"{self._archive(publication)}/download", publication, json=numbers))

    def document(self, publication: Publication, document: Document, *, shown: bool = False) -> Iterator[bytes]:
        """The bytes of one document, by the API, or from the public list if it is shown there."""
        if shown or self.credentials is None:
            address, asked = f"{self._at.site}/misdownload/servlets/mirDownload", {"doclookupId": document.number}
            yield from self._bytes(self._ask("GET", address, publication, signed=False, params=asked))
        else:
            asked = {"download": document.number}
            yield from self._bytes(self._ask("GET", self._archive(publication), publication, params=asked))

    def _archive(self, publication: Publication) -> str:
        return f"{self._at.api}/archive/{publication.emil.lower()}"

    def _bytes(self, response: "requests.Response") -> Iterator[bytes]:
        import requests  # noqa: PLC0415

        with closing(response):
            try:
                yield from response.iter_content(_CHUNK_BYTES)
            except requests.RequestException as error:
                raise BrokenOffError(type(error).__name__) from error

    def _json(self, publication: Publication, response: "requests.Response") -> dict[str, Any]:
        with closing(response):
            try:
                content = response.json()
            except ValueError as error:
                raise _otherwise(publication, error) from None
        if not isinstance(content, dict):
            raise _otherwise(publication, TypeError("no JSON object"))
        return content

    # --- requests -------------------------------------------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Ask for a new token.

        Raises:
            FetchError: ERCOT does not know the name or the password.
        """
        assert self.credentials is not None  # noqa: S101  nothing is signed without
        form = {
            "grant_type": "password",
            "username": self.credentials.username,
            "password": self.credentials.password,
            "response_type": "id_token",
            "client_id": _CLIENT_ID,
            "scope": f"openid {_CLIENT_ID} offline_access",
        }
        with closing(self._ask("POST", self._at.token, None, signed=False, data=form)) as response:
            try:
                self._token = str(response.json()["id_token"])
            except (ValueError, KeyError, TypeError):
                raise _not_known() from None
        self._token_until = time.monotonic() + _TOKEN_SECONDS

    def _ask(
        self, method: str, address: str, publication: Publication | None, *, signed: bool = True, **more: Any
    ) -> "requests.Response":
        """The answer to a request, whose body is still to be read; what may pass is tried again.

        Raises:
            FetchError: ERCOT refuses, or cannot be reached.
        """
        import requests  # noqa: PLC0415

        lost, renewed, failure = 0, False, ""
        for n in range(_TRIES + _MOST_TURNS_LOST + 1):
            if signed and time.monotonic() > self._token_until:
                self.log_in()
            try:
                with self._turn():
                    # signed requests follow no redirection: what signs them goes to ERCOT's API alone
                    response = self._session.request(
                        method, address, auth=self._sign if signed else _unsigned, stream=True, timeout=_TIMEOUT_SECONDS, allow_redirects=not signed, **more
                    )  # fmt: skip
            except requests.RequestException as error:
                response, failure = None, type(error).__name__
            status = response.status_code if response is not None else 0
            if response is not None and status == 200:
                return response
            if response is not None:
                response.close()
            if status == 429 and lost < _MOST_TURNS_LOST:
                lost += 1
                self._turns_used()
            elif status == 401 and signed and not renewed:
                renewed, self._token_until = True, 0.0
            elif (status == 0 or status >= 500) and n - lost < _TRIES:
                self._wait(2.0 ** (n - lost))
            else:
                break
        raise _refusal(status, failure, publication, of_token=address == self._at.token)

    def _sign(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        assert self.credentials is not None  # noqa: S101  nothing is signed without
        request.headers["Authorization"] = f"Bearer {self._token}"
        request.headers["Ocp-Apim-Subscription-Key"] = self.credentials.key
        return request


class BrokenOffError(Exception):
    """A download that ended before its end."""


def _unsigned(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """Nothing signs the request, no `.netrc` either."""
    return request


def _plain(name: object) -> str:
    """A document's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", re.sub(r"(?i)\.(zip|xlsx)$", "", str(name)))[:120]


def _time(text: object) -> datetime:
    """Central time as ERCOT states it; its offset is wrong around clock changes and not read."""
    return datetime.fromisoformat(str(text)).replace(tzinfo=None)


# --- errors -------------------------------------------------------------------------------------------------------------------------------

BY_HAND = "Or download the reports in a browser and put them into BESS_REPORTS: docs/get-the-data.md."


def _not_known() -> FetchError:
    return FetchError(
        "ERCOT does not know this name and password.",
        expected="ERCOT_API_USERNAME and ERCOT_API_PASSWORD as registered at apiexplorer.ercot.com",
        remedy="Correct the two variables; or unset them, and fetch what the public list shows.",
    )


def _otherwise(publication: Publication, error: Exception) -> FetchError:
    return FetchError(
        f"ERCOT's list of {publication.emil} is not built as described ({type(error).__name__}).",
        expected="a list of documents with number, name and time of posting",
        remedy=f"Try again later, and report it with what bess fetch --check prints. {BY_HAND}",
    )


def _refusal(status: int, failure: str, publication: Publication | None, *, of_token: bool) -> FetchError:
    """The error of a request that was not answered, or answered with a status."""
    if of_token and status in {400, 401}:
        return _not_known()
    what = publication.emil if publication else "the token"
    problem, expected, remedy = {
        0: (
            f"ERCOT cannot be reached ({failure}).",
            "a connection to api.ercot.com and www.ercot.com",
            "Check the network, and HTTPS_PROXY where there is one; then run the command again: what is there is not fetched again.",
        ),
        401: (
            f"ERCOT refuses the subscription key (asked for {what}).",
            "ERCOT_PUBLIC_API_SUBSCRIPTION_KEY of a subscription to the public API",
            "Copy the primary key from your profile at apiexplorer.ercot.com.",
        ),
        403: (
            f"ERCOT refuses this address (asked for {what}).",
            "an address inside the United States: ERCOT answers no other",
            f"Run it on a machine there, or through one (HTTPS_PROXY). {BY_HAND}",
        ),
        404: (
            f"ERCOT has no report {what}: it may have been renamed.",
            f"{what}, {publication.title if publication else ''}",
            "Leave it out with --only, and look for its new id at www.ercot.com/mp/data-products.",
        ),
        429: (
            "ERCOT says that there were too many requests, again and again.",
            "at most 30 requests a minute of one user",
            "End other programs that use the same account, and run the command again.",
        ),
    }.get(
        status,
        (f"ERCOT answers {what} with status {status}.", "status 200", f"Run the command again later. {BY_HAND}"),
    )
    return FetchError(problem, expected=expected, remedy=remedy, status=status)
