"""Causes: why figures of a year are unknown or doubtful, one sentence each, worst first; what `bess refresh` prints at its end.

They are read from the run record alone: errors of tables and files, findings, and checks that did not pass.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bess_assets.checks.check import FINDINGS
from bess_assets.checks.figures import COVERED
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import ANY_DATASET, FINDING_KINDS, Cause
from bess_assets.settings import Settings
from bess_assets.store.journal import RunRecord, read_run
from bess_assets.store.listing import year_name
from bess_assets.store.rollup_layouts import unused_entries
from bess_assets.text import listed

MOST_SHOWN = 7
"""So many causes are printed; the others are counted."""

_FAILED = 100.0  # share of a table that could not be made, and of a check that holds tables back: above all shares of the fleet
_UNREAD = 50.0  # of a file that is not read: it is the first thing to look at
_MANY = 0.03  # of the rows of a dataset: more than single reports of a year that ERCOT published again
_LEAST = 1e-4  # share of a hole that costs no coverage, since another quantity stands in

# What is lost where rows, columns or files of a dataset are missing: a number of the check COVERED.
_LOST = {
    **dict.fromkeys(("rt_prices", "da_prices"), "unpriced"),
    **dict.fromkeys(("dam_gen_resources", "dam_esr_resources"), "award_unknown"),
    **dict.fromkeys(("sced_gen_resources", "sced_load_resources", "sced_esr_resources"), "unobserved"),
    **dict.fromkeys(("as_prices", "rt_as_prices", "dam_load_resources"), "as_unknown"),
}


class _Words(NamedTuple):
    """What a kind of finding says as a cause, and what to do; `{subject}`, `{files}`, `{count}` and `{detail}` stand for those of the finding."""

    words: str
    remedy: str
    per: str = ""  # what its count is a share of: rows of the dataset, days of the year, or batteries


_NAME_IT = "name the load resource in your battery table (BESS_REGISTRY)"
_AGAIN = "bring these files again, whole"
_LISTED = "bess rows YEAR --left-out lists them"
# fmt: off
_WORDS = {
    "missing_days": _Words("{files} hold no row on {detail}", "bring the reports of these days", "days"),
    "off_base_points": _Words(
        "telemetry of {files} does not follow the base points on {detail}: it is 0, or of another sign or size", "bring these days again", "days"
    ),
    "contradicting_rows": _Words(
        "{count} rows of {files} contradict a later row with the same key, which was taken",
        f"find out which row is right and remove the other ({_LISTED})",
        "rows",
    ),
    "unusable_time": _Words("{count} rows of {files} were left out: {detail}", f"correct the dates and hours there ({_LISTED}), or {_AGAIN}", "rows"),
    "ambiguous_hour": _Words("{count} rows of {files} were left out: {detail}", "bring the files with their flag of the repeated hour", "rows"),
    "stamps_without_seconds": _Words("{count} stamps of {files} have no seconds; {detail}", _AGAIN, "rows"),
    "unnamed_rows": _Words("{count} rows of {files} were left out: {detail}", f"bring the files with the column Resource Name filled ({_LISTED})", "rows"),
    "unusable_numbers": _Words("{count} values of {detail} of {files} are infinite or no number: taken for blank", f"{_AGAIN} ({_LISTED})", "rows"),
    "implausible_price": _Words("{count} prices of {files} lie outside the plausible range and were used: {detail}", "look at the unit of the prices", "rows"),
    "price_sources_differ": _Words("{count} prices of {files} are over a cent off a better source: {detail}", "bring the later edition of both", "rows"),
    "stated_prices_differ": _Words("award rows state different prices in {count} hours in place of {subject}: {detail}", _AGAIN, "rows"),
    "award_contradiction": _Words("{count} awards of {files} differ from the sum of their parts: {detail}", _AGAIN, "rows"),
    "negative_consumption": _Words("{files}: {count} {detail} were left out", "look at the sign of Real Power Consumption", "rows"),
    "unpaired": _Words("{count} batteries have no load resource, their charging is unknown: {detail}", _NAME_IT, "batteries"),
    "rejected_pair": _Words("charging of {count} batteries is unknown, the load resource that a name suggests being {detail}", _NAME_IT, "batteries"),
    "one_sided": _Words(
        "{count} resources stand in only one of the day-ahead and the SCED file: {detail}", "look at the spelling of these names", "batteries"
    ),
    "renamed": _Words(
        "{count} batteries are perhaps another one, renamed, and stand on two rows: {detail}",
        "add up both rows; of two that are two, name both in your battery table (BESS_REGISTRY)",
        "batteries",
    ),
    "odd_duration": _Words(
        "MWh and MW of {count} batteries do not fit: {detail}", "look at the unit of Maximum SOC and HSL, or of your battery table (BESS_REGISTRY)", "batteries"
    ),
    "unknown_points": _Words("{files} name no price of {detail}", "look at the spelling of these settlement points", "batteries"),
    "unknown_products": _Words("{files} have prices of unknown products: {detail}", "name the products as ERCOT does", "batteries"),
    "empty_board": _Words("the leaderboard has no battery: {detail}", "look at the resource types of the day-ahead files"),
}
# fmt: on
_OF_SCHEMAS = {"dataset_absent", "missing_columns", "zero_filled", "unknown_headings"}
"""Kinds of findings that the check of the schemas names, with heading and remedy."""


CauseOfYear = tuple[str, Cause]
"""The year as text, and a cause."""


def causes_of_years(settings: Settings, years: Iterable[int | None]) -> list[CauseOfYear]:
    """The causes of years, None being the merged tables, and the entries of the folder of rollups that are not read; worst first."""
    found = [(year_name(year), cause) for year in years for cause in causes_of(read_run(settings.results, year))]
    found += [("all years", cause) for cause in _unused(settings.rollups)]
    return sorted(found, key=lambda item: -(item[1].share or 0.0))


def _unused(rollups: Path) -> Iterator[Cause]:
    for entry in unused_entries(rollups):
        place, why = entry.split(": ", 1)
        harmless = "another file is read" in why or why.endswith("called so")
        yield Cause(
            f"{rollups.name}/{place} was not read: {why}",
            "write it as Parquet, named <dataset>/<year>.parquet, or take it away; ERCOT's reports are for bess rollup FOLDER",
            _LEAST if harmless else _UNREAD,
        )


def causes_of(record: RunRecord) -> list[Cause]:
    """The causes of a year, worst first."""
    found = {cause.words: cause for cause in (*_failures(record), *_checks(record), *_findings(record))}
    known = [cause._replace(share=_share(record, cause)) for cause in found.values()]
    return sorted(known, key=lambda cause: -(cause.share or 0.0))


def _lost(record: RunRecord) -> Mapping[str, float | None]:
    entry = record["tables"].get("leaderboard")
    checks = entry["checks"] if entry else []
    return next((check.get("numbers", {}) for check in checks if check["name"] == COVERED.name), {})


def _share(record: RunRecord, cause: Cause) -> float:
    """The share that a cause touches: its own, or what its dataset's holes cost in coverage."""
    if cause.dataset is None:
        return _LEAST if cause.share is None else cause.share
    shares = _lost(record)
    most = max((shares.get(name) or 0.0 for name in _LOST.values()), default=0.0)
    lost = most if cause.dataset == ANY_DATASET else shares.get(_LOST.get(cause.dataset, ""), 0.0) or 0.0
    return max(_LEAST, lost if cause.share is None else min(cause.share, lost))


def _failures(record: RunRecord) -> Iterator[Cause]:
    """Tables that could not be made, and files that cannot be read."""
    for dataset, rollup in record["rollups"].items():
        for name, file in rollup["files"].items():
            if "error" in file:
                yield _of_error(file["error"], f"{dataset}/{name}")
    for name, entry in record["tables"].items():
        if entry["status"] == "failed":
            yield _of_error(entry["error"] or "it was not made", name)


def _of_error(text: str, of: str) -> Cause:
    """The cause that the text of an error states: its problem and its place, and its remedy."""
    problem, *lines = text.splitlines()
    parts = dict(line.strip().split(": ", 1) for line in lines if ": " in line)
    remedy = parts.pop("remedy", "").rstrip(".")
    place = ", ".join(f"{label} {value}" for label, value in parts.items())
    return Cause(f"{problem.rstrip('.')} ({place or of})", remedy, _FAILED)


def _findings(record: RunRecord) -> Iterator[Cause]:
    counts: dict[tuple[str, str, str], int] = {}
    for entry in record["tables"].values():
        for f in entry["findings"]:
            if f["warning"] and f["kind"] not in _OF_SCHEMAS:
                # Two tables that read the same rows count them each.
                key = (f["kind"], f["subject"], f["detail"])
                counts[key] = max(counts.get(key, 0), f["count"])
    # What is ordinary in each dataset, or befell several on the same days, is one cause.
    alike: defaultdict[tuple[str, str, str], list[tuple[str, int, float]]] = defaultdict(list)
    for (kind, subject, detail), count in counts.items():
        per = _WORDS[kind].per if kind in _WORDS else ""
        part = count / _whole(record, subject, per)
        alone = per not in {"rows", "days"} or (per == "rows" and part >= _MANY)
        alike[kind, detail, subject if alone else ""].append((subject, count, part))
    for (kind, detail, _), found in alike.items():
        said = _WORDS.get(kind) or _Words(f"{{files}}: {FINDING_KINDS[kind]}: {{detail}}", _AGAIN)
        subject, part = found[0][0], max(part for *_, part in found)
        many = "many, " if said.per == "rows" and part >= _MANY else ""
        several = said.per == "rows" and len(found) > 1
        files = listed([_files(record, name) + f" ({count:,})" * several for name, count, _ in found])
        number = f"{many}{sum(count for _, count, _ in found):,}"
        words = said.words.format(subject=subject, files=files, count=number, detail=detail)
        yield Cause(
            words, said.remedy, part, (subject if len(found) == 1 else ANY_DATASET) if said.per == "days" else None
        )


def _files(record: RunRecord, dataset: str) -> str:
    """A dataset's files that the year reads, as a user knows them."""
    if dataset not in DATASETS:
        return dataset
    folder, names = DATASETS[dataset].folder, sorted(record["rollups"].get(dataset, {"files": {}})["files"])
    built = f"{BUILT_FOLDER}/" if any(name.startswith(f"{BUILT_FOLDER}/") for name in names) else ""
    return f"{built}{folder}/{' and '.join(name.removeprefix(built) for name in names)}" if names else folder


def _whole(record: RunRecord, dataset: str, per: str) -> float:
    if per == "rows" and dataset in record["rollups"]:
        return max(float(sum(file["rows"] for file in record["rollups"][dataset]["files"].values())), 1.0)
    if per == "batteries" and "bess_registry" in record["tables"]:
        return max(float(record["tables"]["bess_registry"]["rows"] or 0), 1.0)
    return 366.0 if per == "days" else 1.0


def _checks(record: RunRecord) -> Iterator[Cause]:
    for entry in record["tables"].values():
        for check in entry["checks"]:
            if check["name"] != FINDINGS.name:  # whose findings are named each
                for cause in check.get("causes", []):
                    told = Cause(**{**cause, "words": cause["words"].rstrip(".")})
                    yield told._replace(share=_FAILED) if check["blocking"] else told
