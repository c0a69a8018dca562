"""What every report file holds, kept beside the built rollups, and what of it a rollup lacks.

A report is one CSV file as published, a file of its own or a member of a ZIP; an entry says its dataset, years and digest, or why it is not used.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bess_assets.store.fingerprint import Fingerprint, same, stamp
from bess_assets.store.whole import whole

INDEX_NAME = "reports.json"
"""The index in the folder of built rollups: made anew when it is gone."""

Entry = dict[str, Any]
_FORMAT = 1


class ReportIndex:
    """Entries of every report file, by path below the folder of reports: a file that has not changed is not opened again."""

    def __init__(self, path: Path, root: Path) -> None:
        """Read the index of a folder of reports; what cannot be read, or is of another folder, is empty."""
        self._path = path
        self._root = root
        self._changed = False
        self._files: dict[str, dict[str, Any]] = {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] == _FORMAT and content["root"] == str(root):
                self._files = dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError):
            self._changed = True

    def entries(self, path: Path) -> list[Entry] | None:
        """Entries of a file; None if it is new or its content has changed."""
        known = self._files.get(path.relative_to(self._root).as_posix())
        if known is None or not same(
            Fingerprint(size=known["size"], mtime_ns=known["mtime_ns"], digest=known.get("digest", "")), path
        ):
            return None
        _, mtime_ns = stamp(path)
        self._changed |= mtime_ns != known["mtime_ns"]
        known["mtime_ns"] = mtime_ns
        return list(known["reports"])

    def put(self, path: Path, seen: Fingerprint, entries: list[Entry]) -> None:
        """Note what a file holds; the entries may still be filled in."""
        self._changed = True
        self._files[path.relative_to(self._root).as_posix()] = {**seen, "reports": entries}

    def names(self) -> set[str]:
        """Paths of all files that were opened, below the folder of reports."""
        return set(self._files)

    def forget_others(self, files: Sequence[Path]) -> None:
        """Drop files that are gone."""
        for name in self.names() - {path.relative_to(self._root).as_posix() for path in files}:
            del self._files[name]
            self._changed = True

    def all_entries(self) -> Iterator[tuple[str, Entry]]:
        """Path and entry of every report."""
        return ((path, entry) for path, known in self._files.items() for entry in known["reports"])

    def by_year(self) -> Mapping[tuple[str, int], list[tuple[str, Entry]]]:
        """Path and entry of every report, by dataset and year."""
        found: defaultdict[tuple[str, int], list[tuple[str, Entry]]] = defaultdict(list)
        for path, entry in self.all_entries():
            for name in {entry.get("dataset"), *entry.get("of", ())} - {None}:
                for year in entry.get("years", ()):
                    found[str(name), year].append((path, entry))
        return found

    def save(self) -> None:
        """Write it, whole or not at all."""
        if self._changed:
            write_json(self._path, {"format": _FORMAT, "root": str(self._root), "files": self._files}, indent=None)


class TakenReports:
    """The contents that are in a built rollup, as its manifest lists them."""

    def __init__(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Those of a manifest."""
        self._newest: dict[str, int] = {}
        self._listed: set[tuple[str, str]] = set()
        for report in reports:
            self.add(report["sha256"], report["file"], report["published_ms"])

    def add(self, sha256: str, file: str, published_ms: int) -> None:
        """Another one."""
        self._newest[sha256] = max(self._newest.get(sha256, 0), published_ms)
        self._listed.add((sha256, file))

    def holds(self, sha256: str | None) -> bool:
        """Whether a content is in, in whatever publication."""
        return sha256 in self._newest

    def has(self, entry: Mapping[str, Any], file: str) -> bool:
        """Whether a report is in, in this or a later publication; a file that was merely touched is no publication."""
        touched = entry["published_by"] == "file" and (entry["sha256"], file) in self._listed
        return touched or self._newest.get(entry["sha256"], -1) >= int(entry["published_ms"])


def label_of(path: str, entry: Mapping[str, Any]) -> str:
    """Name of a report for people: its file, and the members on the way to it in a ZIP."""
    return " > ".join((path, *entry.get("members", ())))


def write_json(path: Path, content: Mapping[str, Any], indent: int | None = 1) -> None:
    """Write a JSON file, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
