"""Alarms: lines of JSON in a log file, posted to a webhook if one is set; and the words of a failed step in them."""

import json
import logging
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from bess_assets.settings import Settings

_log = logging.getLogger(__name__)


def raise_alarm(settings: Settings, title: str, details: Mapping[str, str]) -> None:
    """Append an alarm to the log file, one line of JSON, and post it to the webhook.

    The posted text, the title and the details by name, is under `text`, where chat services look for it, with the details beside it. A failed post
    raises nothing; the file says so.
    """
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "alarm": title, **details}
    if settings.webhook:
        entry["posted"] = _post(settings.webhook, title, details)
    settings.alarms.parent.mkdir(parents=True, exist_ok=True)
    with settings.alarms.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    _log.error("%s %s", title, "; ".join(f"{name}: {text}" for name, text in details.items()))


def _post(address: str, title: str, details: Mapping[str, str]) -> str:
    body = {"text": "\n".join([title, *(f"{name}: {text}" for name, text in details.items())]), **details}
    request = urllib.request.Request(  # noqa: S310  the address was checked when it was read: http or https
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  the same
            return f"yes, answered {answer.status}"
    except (OSError, ValueError, HTTPException) as error:  # refusals, slow connections and HTTP statuses are OSErrors
        _log.warning("the webhook did not take an alarm: %s", error)
        return f"no: {error}"


def plain_reason(error: Any) -> str:
    """The words of the outermost error of this package; where there is none, those of the innermost error.

    Args:
        error: as Dagster records it, with its `message` and its `cause`; or None.
    """
    message = ""
    while error:
        message = error.message.strip()
        if message.startswith("bess_assets.errors."):
            return str(message.split(": ", 1)[1])
        error = error.cause
    return message or "no reason was given"
