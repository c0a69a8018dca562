"""Where things are and what limits hold: read once, when used, from flags and the environment.

Belongs here: every `BESS_*` variable, its default and its check.
Does not: opening files, making folders (store/files.py), Dagster's own configuration beyond its home.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bess_assets.errors import SettingsError

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(KB|MB|GB|KIB|MIB|GIB)\s*$", re.IGNORECASE)
_TIME_OF_DAY = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*$")
_UNITS = {"KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}


@dataclass(frozen=True)
class Settings:
    """All settings, absolute and checked.

    Attributes:
        home: everything of ours lies in it unless said otherwise (`BESS_HOME`).
        reports: ERCOT's report files (`BESS_REPORTS`).
        rollups: the user's annual rollups; never written (`BESS_ROLLUPS`).
        results: result tables (`BESS_RESULTS`).
        dagster_home: Dagster's instance (`DAGSTER_HOME`).
        registry_csv: the user's battery table, if set (`BESS_REGISTRY`).
        memory_limit_bytes: what DuckDB and the blocks of batteries may take (`BESS_MEMORY_LIMIT`).
        threads: threads of DuckDB and Arrow (`BESS_THREADS`).
        query_timeout_seconds: after which a query is stopped (`BESS_QUERY_TIMEOUT`).
        automation: whether schedules and sensors start switched on (`BESS_AUTOMATION`).
        daily_at: hour and minute, Central time, of the daily refresh of the current year (`BESS_DAILY_AT`).
        webhook: address to which alarms are posted, if set (`BESS_WEBHOOK`).
    """

    home: Path
    reports: Path
    rollups: Path
    results: Path
    dagster_home: Path
    registry_csv: Path | None
    memory_limit_bytes: int
    threads: int
    query_timeout_seconds: float
    automation: bool
    daily_at: tuple[int, int]
    webhook: str | None

    @property
    def alarms(self) -> Path:
        """File of the alarms: failed runs, and files that vanished."""
        return self.home / "logs" / "alarms.log"

    @property
    def built(self) -> Path:
        """Folder of the rollups built from reports; records call its files `built/2024.parquet`."""
        return self.home / "built"

    @property
    def locks(self) -> Path:
        """Folder of the year locks."""
        return self.home / "locks"

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        values = {
            "BESS_HOME": str(self.home),
            "BESS_REPORTS": str(self.reports),
            "BESS_ROLLUPS": str(self.rollups),
            "BESS_RESULTS": str(self.results),
            "DAGSTER_HOME": str(self.dagster_home),
            "BESS_MEMORY_LIMIT": f"{self.memory_limit_bytes // 10**6}MB",
            "BESS_THREADS": str(self.threads),
            "BESS_QUERY_TIMEOUT": str(self.query_timeout_seconds),
            "BESS_AUTOMATION": "on" if self.automation else "off",
            "BESS_DAILY_AT": "{:02d}:{:02d}".format(*self.daily_at),
        }
        if self.webhook:
            values["BESS_WEBHOOK"] = self.webhook
        if self.registry_csv:
            values["BESS_REGISTRY"] = str(self.registry_csv)
        return values


def load_settings(home: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; a home given by flag comes first, and takes `DAGSTER_HOME` with it.

    Args:
        home: value of the `--home` flag.
        environ: the environment; `os.environ` if not given.

    Raises:
        SettingsError: a value cannot be read, or a file that must exist does not.
    """
    env = os.environ if environ is None else environ
    root = _path(home or env.get("BESS_HOME") or "bess_home", "BESS_HOME")
    dagster_home = root / "dagster" if home else _path(env.get("DAGSTER_HOME") or root / "dagster", "DAGSTER_HOME")
    registry = env.get("BESS_REGISTRY")
    registry_csv = _path(registry, "BESS_REGISTRY") if registry else None
    if registry_csv and not registry_csv.is_file():
        raise SettingsError(
            "BESS_REGISTRY names a file that does not exist.",
            file=registry_csv,
            remedy="Correct the path, or unset BESS_REGISTRY to go without a battery table.",
        )
    return Settings(
        home=root,
        reports=_path(env.get("BESS_REPORTS") or root / "reports", "BESS_REPORTS"),
        rollups=_path(env.get("BESS_ROLLUPS") or root / "rollups", "BESS_ROLLUPS"),
        results=_path(env.get("BESS_RESULTS") or root / "results", "BESS_RESULTS"),
        dagster_home=dagster_home,
        registry_csv=registry_csv,
        memory_limit_bytes=_size(env.get("BESS_MEMORY_LIMIT") or "1GB"),
        threads=_positive(env.get("BESS_THREADS"), "BESS_THREADS", os.cpu_count() or 1),
        query_timeout_seconds=_seconds(env.get("BESS_QUERY_TIMEOUT") or "30"),
        automation=_switch(env.get("BESS_AUTOMATION") or "off"),
        daily_at=_time_of_day(env.get("BESS_DAILY_AT") or "07:00"),
        webhook=_address(env.get("BESS_WEBHOOK")),
    )


def _path(value: str | Path, variable: str) -> Path:
    if "://" in str(value):
        raise SettingsError(
            f"{variable} is an address, not a folder: {value}.",
            expected="a path of this machine",
            remedy="Mount or copy the files, and name the folder.",
        )
    return Path(value).expanduser().absolute()


def _size(text: str) -> int:
    match = _SIZE.match(text)
    if not match or float(match[1]) <= 0:
        raise SettingsError(f"BESS_MEMORY_LIMIT cannot be read: {text!r}.", expected="a size such as 512MB or 2GB")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _positive(text: str | None, variable: str, default: int) -> int:
    if text is None or not text.strip():
        return default
    if not text.strip().isdigit() or int(text) < 1:
        raise SettingsError(f"{variable} cannot be read: {text!r}.", expected="a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"BESS_QUERY_TIMEOUT cannot be read: {text!r}.", expected="seconds above zero")
    return seconds


def _switch(text: str) -> bool:
    if text.strip().lower() in {"on", "true", "1", "yes"}:
        return True
    if text.strip().lower() in {"off", "false", "0", "no"}:
        return False
    raise SettingsError(f"BESS_AUTOMATION cannot be read: {text!r}.", expected="on or off")


def _time_of_day(text: str) -> tuple[int, int]:
    match = _TIME_OF_DAY.match(text)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise SettingsError(f"BESS_DAILY_AT cannot be read: {text!r}.", expected="an hour and minute such as 07:00")
    return int(match[1]), int(match[2])


def _address(text: str | None) -> str | None:
    if text and not text.startswith(("http://", "https://")):
        raise SettingsError(f"BESS_WEBHOOK cannot be read: {text!r}.", expected="an address that begins with https://")
    return text or None
