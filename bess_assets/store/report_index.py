"""What every report file holds, kept beside the built rollups, and what of it a rollup lacks.

A report is one CSV file as published, a file of its own or a member of a ZIP; an entry says its dataset, years and digest, or why it is not used.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bess_assets.store.fingerprint import Fingerprint, same, stamp
from bess_assets.store.whole import write_json

INDEX_NAME = "reports.json"
"""The index in the folder of built rollups: made anew when it is gone."""

Entry = dict[str, Any]
Taken = dict[str, dict[str, int]]
"""The contents in a built rollup: by digest, the files that it was taken from, and when each was published."""
_FORMAT = 1


class ReportIndex:
    """Entries of every report file, by its name: the path below the folder of reports. A file that has not changed is not opened again.

    Attributes:
        files: fingerprint and entries of every file that was opened.
    """

    def __init__(self, path: Path, root: Path) -> None:
        """Read the index of a folder of reports; what cannot be read, or is of another folder, is empty."""
        self._path, self._root, self._changed = path, root, False
        self.files: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] == _FORMAT and content["root"] == str(root):
                self.files = dict(content["files"])

    def entries(self, name: str) -> list[Entry] | None:
        """Entries of a file; None if it is new or its content has changed."""
        known, path = self.files.get(name), self._root / name
        if known is None or not same(
            Fingerprint(size=known["size"], mtime_ns=known["mtime_ns"], digest=known.get("digest", "")), path
        ):
            return None
        _, mtime_ns = stamp(path)
        self._changed |= mtime_ns != known["mtime_ns"]
        known["mtime_ns"] = mtime_ns
        return list(known["reports"])

    def put(self, name: str, seen: Fingerprint, entries: list[Entry]) -> None:
        """Note what a file holds; the entries may still be filled in."""
        self.files[name] = {**seen, "reports": entries}
        self._changed = True

    def forget_others(self, names: Collection[str]) -> None:
        """Drop files that are gone."""
        for name in self.files.keys() - names:
            del self.files[name]
            self._changed = True

    def all_entries(self) -> Iterator[tuple[str, Entry]]:
        """Label and entry of every report."""
        return ((label_of(name, entry), entry) for name, known in self.files.items() for entry in known["reports"])

    def by_year(self) -> Mapping[tuple[str, int], list[tuple[str, Entry]]]:
        """Label and entry of every report, by dataset and year."""
        found: defaultdict[tuple[str, int], list[tuple[str, Entry]]] = defaultdict(list)
        for label, entry in self.all_entries():
            for dataset in {entry.get("dataset"), *entry.get("of", ())} - {None}:
                for year in entry.get("years", ()):
                    found[str(dataset), year].append((label, entry))
        return found

    def save(self) -> None:
        """Write it, whole or not at all."""
        if self._changed:
            write_json(self._path, {"format": _FORMAT, "root": str(self._root), "files": self.files}, indent=None)


def taken_of(reports: Iterable[Mapping[str, Any]]) -> Taken:
    """The contents that a manifest lists."""
    taken: Taken = {}
    for report in reports:
        taken.setdefault(report["sha256"], {})[report["file"]] = report["published_ms"]
    return taken


def is_taken(entry: Entry, label: str, taken: Taken) -> bool:
    """Whether a report is in a rollup, in this or a later publication; a file that was merely touched is no publication."""
    files = taken.get(entry["sha256"], {})
    touched = entry["published_by"] == "file" and label in files
    return touched or max(files.values(), default=-1) >= entry["published_ms"]


def label_of(name: str, entry: Entry) -> str:
    """Name of a report for people: its file, and the members on the way to it in a ZIP."""
    return " > ".join((name, *entry.get("members", ())))
