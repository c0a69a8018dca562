"""Settings: every `BESS_*` variable with its default and its check, read once, when used, from the environment and `--home`."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from bess_assets.errors import SettingsError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB|KIB|MIB|GIB)", re.IGNORECASE)
_UNITS = {"KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
_HOST = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[^./\\\x00-\x1f][^/\\\x00-\x1f]*)*)/?")
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}

CREDENTIALS = ("ERCOT_API_USERNAME", "ERCOT_API_PASSWORD", "ERCOT_PUBLIC_API_SUBSCRIPTION_KEY")
"""Variables of a user of ERCOT's public API. They are read when reports are fetched, and are no settings: nothing keeps or shows them."""

FOLDERS = {
    "home": "BESS_HOME",
    "rollups": "BESS_ROLLUPS",
    "results": "BESS_RESULTS",
    "reports": "BESS_REPORTS",
    "dagster_home": "DAGSTER_HOME",
}
"""Folders among the settings, each with its variable."""
_IN_STORES = ("BESS_REPORTS", "BESS_ROLLUPS", "BESS_REGISTRY", "BESS_RESULTS")  # what may lie in an object store


@dataclass(frozen=True)
class Settings:
    """All settings, absolute and checked.

    Attributes:
        home: parent of all other folders that are not set (`BESS_HOME`).
        reports: ERCOT's report files, or the copy of those of an object store (`BESS_REPORTS`).
        rollups: the user's annual rollups, never written, or the copy of those of an object store (`BESS_ROLLUPS`).
        results: result tables, or the copy of those of an object store (`BESS_RESULTS`).
        dagster_home: Dagster's instance (`DAGSTER_HOME`).
        registry_csv: the user's battery table, if set, or the copy of that of an object store (`BESS_REGISTRY`).
        memory_limit_bytes: memory of DuckDB and of a block of batteries (`BESS_MEMORY_LIMIT`).
        single_writer: True if this machine alone writes results that are in an object store (`BESS_SINGLE_WRITER`).
        threads: threads of DuckDB and Arrow (`BESS_THREADS`).
        query_timeout_seconds: seconds after which a query is stopped (`BESS_QUERY_TIMEOUT`).
        perfect: True if a refresh makes the perfect trades too, which take half as long as all else of a year (`BESS_PERFECT`).
        automation: True if schedules and sensors start switched on (`BESS_AUTOMATION`).
        daily_at: hour and minute, Central time, of the daily refresh of the current year (`BESS_DAILY_AT`).
        webhook: address to which alarms are posted, if set (`BESS_WEBHOOK`).
        ui_hosts: hosts that `bess ui` is reached as besides this machine, such as a reverse proxy's (`BESS_UI_HOSTS`).
        fetch: True if Dagster fetches reports (`BESS_FETCH`); if not set, where `CREDENTIALS` are and the reports lie in a folder of this machine.
        ercot_quota: requests that ERCOT allows, and in how many seconds (`BESS_ERCOT_QUOTA`).
        ercot_url: another server that answers like ERCOT's, if set (`BESS_ERCOT_URL`).
    """

    home: Path
    reports: Path
    rollups: Path
    results: Path
    dagster_home: Path
    registry_csv: Path | None
    single_writer: bool
    memory_limit_bytes: int
    threads: int
    query_timeout_seconds: float
    perfect: bool
    automation: bool
    daily_at: tuple[int, int]
    webhook: str | None
    ui_hosts: tuple[str, ...]
    fetch: bool
    ercot_quota: tuple[int, float]
    ercot_url: str | None

    @property
    def alarms(self) -> Path:
        """File of the alarms: failed runs, and files that vanished."""
        return self.home / "logs" / "alarms.log"

    @property
    def built(self) -> Path:
        """Folder of the rollups built from reports; run records name its files `built/2024.parquet`."""
        return self.home / "built"

    @property
    def locks(self) -> Path:
        """Folder of the locks of this home: of built rollups, of fetching, of requests to ERCOT. Those of years lie beside the results."""
        return self.home / "locks"

    @property
    def copied(self) -> tuple[Path, ...]:
        """Those of the rollups, reports and battery table that are copies of what lies in an object store."""
        places = (self.rollups, self.reports, self.registry_csv)
        return tuple(path for path in places if path and self.is_copy(path))

    def is_copy(self, path: Path) -> bool:
        """Whether a path is the copy of what lies in an object store."""
        return path.is_relative_to(_copies(self.home))

    def place(self, path: Path) -> str:
        """The address, `s3://bucket/prefix`, of a path among the copies; of another path itself."""
        copies = _copies(self.home)
        return f"s3://{path.relative_to(copies).as_posix()}" if self.is_copy(path) else str(path)

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process; what is not set is empty."""
        return {
            **{variable: self.place(getattr(self, name)) for name, variable in FOLDERS.items()},
            "BESS_MEMORY_LIMIT": f"{self.memory_limit_bytes // 10**6}MB",
            "BESS_SINGLE_WRITER": "on" if self.single_writer else "off",
            "BESS_THREADS": str(self.threads),
            "BESS_QUERY_TIMEOUT": str(self.query_timeout_seconds),
            "BESS_PERFECT": "on" if self.perfect else "off",
            "BESS_AUTOMATION": "on" if self.automation else "off",
            "BESS_DAILY_AT": "{:02d}:{:02d}".format(*self.daily_at),
            "BESS_WEBHOOK": self.webhook or "",
            "BESS_UI_HOSTS": ",".join(self.ui_hosts),
            "BESS_FETCH": "on" if self.fetch else "off",
            "BESS_ERCOT_QUOTA": "{}/{:g}".format(*self.ercot_quota),
            "BESS_ERCOT_URL": self.ercot_url or "",
            "BESS_REGISTRY": self.place(self.registry_csv) if self.registry_csv else "",
        }


def load_settings(home: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (`os.environ` if not given); a home given by flag comes first, and takes `DAGSTER_HOME` with it.

    Raises:
        SettingsError: a value cannot be read, or a file that must exist does not.
    """
    env = os.environ if environ is None else environ
    root = _path(home or env.get("BESS_HOME") or "bess_home", "BESS_HOME")

    def folder(variable: str, default: str) -> Path:
        return _path(env.get(variable) or root / default, variable, root)

    def read(variable: str, default: str, parse: Callable[[str], Any], expected: str) -> Any:
        text = env.get(variable) or ""
        if (value := parse(text.strip() or default)) is None:
            raise SettingsError(f"{variable} cannot be read: {text!r}.", expected=expected)
        return value

    registry_csv = folder("BESS_REGISTRY", "") if env.get("BESS_REGISTRY") else None
    if registry_csv and not registry_csv.is_relative_to(_copies(root)) and not registry_csv.is_file():
        raise SettingsError(
            "BESS_REGISTRY names a file that does not exist.",
            file=registry_csv,
            remedy="Correct the path, or unset BESS_REGISTRY to go without a battery table.",
        )
    reports, rollups, results = (folder(FOLDERS[name], name) for name in ("reports", "rollups", "results"))
    for path in (reports, rollups, registry_csv):
        if (
            results.is_relative_to(_copies(root))
            and path
            and (path.is_relative_to(results) or results.is_relative_to(path))
        ):
            raise SettingsError(
                "BESS_RESULTS and what it is made from lie within one another in the object store.",
                expected="a prefix of its own, such as s3://bucket/results beside s3://bucket/rollups",
            )
    may_fetch = all(map(env.get, CREDENTIALS)) and "://" not in env.get("BESS_REPORTS", "")
    return Settings(
        home=root,
        reports=reports,
        rollups=rollups,
        results=results,
        dagster_home=root / "dagster" if home else folder("DAGSTER_HOME", "dagster"),
        registry_csv=registry_csv,
        single_writer=read("BESS_SINGLE_WRITER", "off", _switch, "on or off"),
        memory_limit_bytes=read("BESS_MEMORY_LIMIT", "1GB", _size, "a size such as 512MB or 2GB"),
        threads=read("BESS_THREADS", str(os.cpu_count() or 1), _positive, "a whole number from 1"),
        query_timeout_seconds=read("BESS_QUERY_TIMEOUT", "30", _seconds, "seconds above zero"),
        perfect=read("BESS_PERFECT", "off", _switch, "on or off"),
        automation=read("BESS_AUTOMATION", "off", _switch, "on or off"),
        daily_at=read("BESS_DAILY_AT", "07:00", _time_of_day, "an hour and minute such as 07:00"),
        webhook=read("BESS_WEBHOOK", "", _address, "an address that begins with https://") or None,
        ui_hosts=read(
            "BESS_UI_HOSTS",
            "",
            _hosts,
            "host names with a comma between two, such as bess.example.com or localhost:8080",
        ),
        fetch=read("BESS_FETCH", "on" if may_fetch else "off", _switch, "on or off"),
        ercot_quota=read("BESS_ERCOT_QUOTA", "30/60", _quota, "requests and seconds, such as 30/60"),
        ercot_url=read("BESS_ERCOT_URL", "", _server, "an address of this machine, such as http://127.0.0.1:8900")
        or None,
    )


def _path(value: str | Path, variable: str, home: Path | None = None) -> Path:
    """The absolute path of a setting; of an address that it may have, the path of its copy in the home."""
    if "://" not in str(value):
        return Path(value).expanduser().absolute()
    match = _ADDRESS.fullmatch(str(value))
    if home and match and variable in _IN_STORES:
        return _copies(home).joinpath(match[1], match[2].strip("/"))
    # the address is not repeated: it may hold a password
    if variable in _IN_STORES:
        raise SettingsError(
            f"{variable} is no address of an object store.",
            expected="a path of this machine, or s3://bucket/prefix without a login",
            remedy="Name the bucket alone, and give the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    raise SettingsError(
        f"{variable} is an address, not a folder.",
        expected="a path of this machine",
        remedy="Mount or copy the files, and name the folder.",
    )


def _copies(home: Path) -> Path:
    """Folder of the copies of objects: that of `s3://bucket/name` is `bucket/name` in it."""
    return home / "copies" / "s3"


def _size(text: str) -> int | None:
    return int(float(match[1]) * _UNITS[match[2].upper()]) or None if (match := _SIZE.fullmatch(text)) else None


def _positive(text: str) -> int | None:
    return int(text) or None if text.isdecimal() else None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if seconds > 0 and isfinite(seconds) else None


def _time_of_day(text: str) -> tuple[int, int] | None:
    return (int(at[1]), int(at[2])) if (at := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)) else None


def _address(text: str) -> str | None:
    return text if not text or text.startswith(("http://", "https://")) else None


def _switch(text: str) -> bool | None:
    return _SWITCH.get(text.lower())


def _quota(text: str) -> tuple[int, float] | None:
    requests, _, seconds = text.partition("/")
    number, period = _positive(requests), _seconds(seconds)
    return (number, period) if number and period else None


def _server(text: str) -> str | None:
    # passwords are sent there: to this machine, or to ERCOT
    return text if not text or re.fullmatch(r"http://(127\.0\.0\.1|localhost):\d{1,5}", text) else None


def _hosts(text: str) -> tuple[str, ...] | None:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    return names if all(map(_HOST.fullmatch, names)) else None
