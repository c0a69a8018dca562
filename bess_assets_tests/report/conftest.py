"""Two years of made-up boards with their reports, and a real browser that opens them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bess_assets.report.files import write_report
from bess_assets.settings import Settings
from bess_assets.store.paths import files_of
from bess_assets.tables import LEADERBOARD_REPORT
from bess_assets_tests.conftest import missing
from bess_assets_tests.report.made_boards import write_boards

YEAR = 2024
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


def program(*names: str) -> str:
    """Path of the first program there is; the test is skipped where there is none, and fails in CI, which must have it."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        missing(f"none of {', '.join(names)} is installed: apt-get install chromium chromium-driver libreoffice-calc")
    return found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with boards and reports of 2023 and 2024, eight batteries."""
    folder = tmp_path_factory.mktemp("boards")
    for year in (YEAR - 1, YEAR):
        settings = write_boards(folder, year, 8)
        write_report(settings, year)
    return settings


@pytest.fixture(scope="session")
def files(home: Settings) -> dict[str, Path]:
    """The files of the report of 2024 by the ends of their names; the monthly ones begin with `monthly`."""
    paths = files_of(home.results, LEADERBOARD_REPORT, YEAR)
    return {f"{'monthly' if 'monthly' in path.name else ''}{path.suffix}": path for path in paths}


def chromium(profile: Path) -> Any:
    """A fresh Chromium, which logs its console and its requests."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program(*BROWSERS)
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(program("chromedriver")))


@pytest.fixture(scope="session")
def start_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Function that starts a fresh Chromium."""
    started = []

    def start() -> Any:
        started.append(chromium(tmp_path_factory.mktemp("browser")))
        started[-1].set_page_load_timeout(60)
        return started[-1]

    yield start
    for browser in started:
        browser.quit()


@pytest.fixture(scope="module")
def browser(start_browser: Callable[[], Any]) -> Any:
    """One browser for a whole module."""
    return start_browser()
