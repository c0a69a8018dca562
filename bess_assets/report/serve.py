"""The site on this machine, and the questions of `Results` as a JSON API beside it.

Site files are made when they are asked for, from the tables as they are then. Every address below /api/ is a method of `Results`, with its parameters.
"""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from threading import Lock
from typing import Any, Literal, Union, get_args, get_origin

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bess_assets import __version__
from bess_assets.errors import BessError, NotRefreshedError
from bess_assets.report.door import LOCALHOST, Door, refuse_taken_port
from bess_assets.report.site import Site
from bess_assets.results import QueryError, Results
from bess_assets.settings import Settings
from bess_assets.store.listing import Marks, marks_of, yearly_files
from bess_assets.store.places import bring_results
from bess_assets.tables import LEADERBOARD_REPORT
from bess_assets.text import json_text

_NOT_ASKED = {"close", "stream"}  # they answer nothing that JSON holds
_READ = (*LEADERBOARD_REPORT.upstream, "index_intervals", "energy_revenue", "bess_dispatch", "bess_prices")
_KINDS = {".html": "text/html", ".js": "text/javascript", ".csv": "text/csv"}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
"""Headers of every answer."""


def serve(settings: Settings, port: int, ready: Callable[[], object]) -> None:
    """Serve the site and the API at this port of 127.0.0.1 until Ctrl-C; `ready` is called when all years are read.

    Raises:
        NotRefreshedError: there is no board of any year.
        SettingsError: something else listens at that port.
    """
    refuse_taken_port(port, "bess serve")
    with Results(settings) as results:
        served = Door(application(settings, results), port, settings.ui_hosts)
        ready()
        uvicorn.run(served, host=LOCALHOST, port=port, log_level="warning", timeout_graceful_shutdown=3)


def application(settings: Settings, results: Results) -> Starlette:
    """The ASGI application: the files of the site, and the API."""
    files = _Files(settings)
    files.content("data/site.js")  # all years are read before the first reader waits for them

    def of_site(request: Request) -> Response:
        name = request.path_params["path"] or "index.html"
        try:
            content = files.content(name)
        except BessError as error:
            return _refused(error)
        if content is None:
            nothing = f"The site has no page {name}."
            return _refused(_NotThereError(nothing, expected="a page that its links name", remedy="Begin at /"))
        kind = next((kind for end, kind in _KINDS.items() if name.endswith(end)), "application/octet-stream")
        return Response(content, media_type=kind, headers=HEADERS)

    def of_api(request: Request) -> Response:
        try:
            return _json(200, answer(results, request.path_params["question"], request.query_params.multi_items()))
        except BessError as error:
            return _refused(error)

    return Starlette(
        routes=[
            Route("/api/openapi.json", lambda _: _json(200, openapi())),
            Route("/api/{question}", of_api),
            Route("/{path:path}", of_site),
        ]
    )


class _Files:
    """Files of the site, kept until a table that they are made of changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = Lock()
        self._made: tuple[Marks, Site, dict[str, bytes | None]] | None = None

    def content(self, name: str) -> bytes | None:
        bring_results(self._settings)
        marks = marks_of(file for table in _READ for file in yearly_files(self._settings.results, table).values())
        with self._guard:  # a file is made once, however many ask for it
            if self._made is None or self._made[0] != marks:
                self._made = marks, Site(self._settings, served=True), {}
            _, site, kept = self._made
            if name not in kept:
                kept[name] = site.content(name)
            return kept[name]


# --- the API --------------------------------------------------------------------------------------------------------------------------------


class _NotThereError(QueryError):
    """The address names no page of the site, or no method of `Results`."""


@cache
def questions() -> dict[str, Callable[..., Any]]:
    """Methods of `Results` that answer, by name."""
    return {
        name: method
        for name, method in vars(Results).items()
        if inspect.isfunction(method) and not name.startswith("_") and name not in _NOT_ASKED
    }


def answer(results: Results, question: str, given: Sequence[tuple[str, str]]) -> Any:
    """The answer to a question with its parameters as texts: rows with their columns, null where unknown.

    Raises:
        QueryError: there is no such question or parameter, or a text is not what the parameter takes.
    """
    if question not in questions():
        raise _NotThereError(
            f"There is no question {question}.",
            expected=f"one of {', '.join(questions())}",
            remedy="/api.html lists them.",
        )
    parameters = _parameters(questions()[question])
    arguments: dict[str, Any] = {}
    for name, text in given:
        if name not in parameters:
            raise QueryError(
                f"{question} takes no {name}.", expected=f"one of {', '.join(parameters) or 'no parameter'}"
            )
        kind = _schema(parameters[name].annotation)
        value = _value(name, text, kind.get("items", kind))
        if kind["type"] == "array":
            arguments.setdefault(name, []).append(value)
        elif kind["type"] == "object":
            arguments.setdefault(name, {}).update([value])
        else:
            arguments[name] = value
    if missing := [name for name, own in parameters.items() if own.default is own.empty and name not in arguments]:
        raise QueryError(
            f"{question} needs {', '.join(missing)}.", remedy=f"For example /api/{question}?{missing[0]}=.."
        )
    return _plain(getattr(results, question)(**arguments))


def openapi() -> dict[str, Any]:
    """The API in OpenAPI 3.1, from the signatures and docstrings of the methods."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bess_assets",
            "version": __version__,
            "description": (inspect.getdoc(Results) or "").replace("`", ""),
        },
        "paths": {f"/api/{name}": {"get": _operation(name, method)} for name, method in questions().items()},
    }


def _operation(name: str, method: Callable[..., Any]) -> dict[str, Any]:
    words = inspect.getdoc(method) or ""
    return {
        "operationId": name,
        "summary": words.partition("\n")[0],
        "description": words,
        "parameters": [
            {"name": own.name, "in": "query", "required": own.default is own.empty, "schema": _schema(own.annotation)}
            for own in _parameters(method).values()
        ],
        "responses": {
            "200": {"description": "columns and rows; null is unknown"},
            "400": {"description": "problem, expected, remedy: the question cannot be answered as asked"},
            "404": {"description": "problem, expected, remedy: no such question, or a table that has not been written"},
        },
    }


def _parameters(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: own for name, own in inspect.signature(method).parameters.items() if name != "self"}


def _schema(annotation: Any) -> dict[str, Any]:
    """JSON schema of a parameter: a text unless it is a number, one of several values, a list, or pairs of name and value."""
    if get_origin(annotation) in {Union, types.UnionType}:
        kinds = [_schema(part) for part in get_args(annotation) if part is not type(None)]
        return next((kind for kind in kinds if kind["type"] == "string"), kinds[0])
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}
    if get_origin(annotation) is Sequence:
        return {"type": "array", "items": _schema(get_args(annotation)[0])}
    if get_origin(annotation) is Mapping:
        return {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "name:value, as often as needed",
        }
    if annotation is date:
        return {"type": "string", "format": "date"}
    return {"type": {bool: "boolean", int: "integer", float: "number"}.get(annotation, "string")}


_FLAGS = {"true": True, "false": False}
_WORDS = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "object": "name:value"}


def _value(name: str, text: str, kind: Mapping[str, Any]) -> Any:
    expected: str = kind["type"]
    try:
        if expected == "object":
            key, mark, value = text.partition(":")
            if mark:
                return key, value
        elif expected == "boolean":
            if text in _FLAGS:
                return _FLAGS[text]
        elif expected in {"integer", "number"}:
            return int(text) if expected == "integer" else float(text)
        elif text in kind.get("enum", (text,)):
            return text
    except ValueError:
        pass
    wanted = _WORDS.get(expected) or f"one of {', '.join(map(str, kind['enum']))}"
    raise QueryError(f"{name} cannot be {text!r}.", expected=wanted)


def _plain(value: Any) -> Any:
    """An answer as mappings, lists and values."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(own) for name, own in value._asdict().items()}
    return value


def _json(status: int, value: Any) -> Response:
    return Response(json_text(value), status, HEADERS, "application/json")


def _refused(error: BessError) -> Response:
    """An error as JSON: 404 where what is asked for is not there, 400 where the question is wrong, else 500."""
    not_there = isinstance(error, NotRefreshedError | _NotThereError)
    parts = ("problem", "dataset", "file", "column", "day", "expected", "remedy")
    status = 404 if not_there else 400 if isinstance(error, QueryError) else 500
    return _json(status, {part: getattr(error, part) for part in parts})
