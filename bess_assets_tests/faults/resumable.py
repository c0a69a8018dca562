"""Long runs of many tasks: two processes, each result kept as it comes, and nothing tried again that was kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

_PROCESSES = 2


def results(kept: Path, work: Callable[..., Any], tasks: Sequence[Sequence[Any]], *same: Any) -> Mapping[str, Any]:
    """What came of each task, by the task as JSON: as the file says, and of tasks that it lacks as `work(*same, *task)` says; it must be JSON, too."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    wanted = {json.dumps(task): task for task in tasks}
    found = {name: came for name, came in map(json.loads, lines) if name in wanted}
    with ProcessPoolExecutor(_PROCESSES) as pool, kept.open("a", encoding="utf-8") as file:
        running = {pool.submit(work, *same, *task): name for name, task in wanted.items() if name not in found}
        for done in as_completed(running):
            name = running[done]
            found[name] = done.result()
            print(json.dumps([name, found[name]]), file=file, flush=True)
            print(f"{len(found)} of {len(wanted)}: {name} {found[name]}"[:240], flush=True)
    return found
