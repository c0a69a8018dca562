"""The right answer of a made-up market: the boards that the second settlement makes of the simulated files, as CSV.

The simulator says which resources form a battery, so that no pairing of the first settlement is in the answer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.second_settlement.settlement import settle
from bess_assets.second_settlement.source import RollupFiles


def answer_files(folder: Path, year: int) -> tuple[Path, Path]:
    """The CSV files of a year's board and of its monthly boards in the folder of a market."""
    return folder / "truth" / f"leaderboard_{year}.csv", folder / "truth" / f"leaderboard_monthly_{year}.csv"


def write_answer(folder: Path, form: str, year: int, batteries: Sequence[Mapping[str, Any]]) -> None:
    """Settle a year of a market from its folder `rollups` or `reports`, and write the boards: numbers at full precision, unknowns as empty cells."""
    source = RollupFiles(folder / form) if form == "rollups" else ReportFolder(folder / form, year)
    settled = settle(source, year, pd.DataFrame(batteries), intervals=False)
    boards = settled.leaderboard, settled.leaderboard_monthly
    for path, board in zip(answer_files(folder, year), boards, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        board.to_csv(temporary, index=False, date_format="%Y-%m-%d", lineterminator="\n")
        temporary.replace(path)
