"""What the names of a year's resources and settlement points show: whether all files spell them alike.

A resource that only the day-ahead or only the SCED file knows may be a battery of its own, and is marked. It is another's misspelt name if that one is
spelled much alike and lacks rows just there.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path

import numpy as np

from bess_assets.ercot.arrays import BoolArray
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.parsing import read_rows
from bess_assets.ercot.step import Inputs
from bess_assets.errors import InputError

_ERCOT_NAME = re.compile(r"[A-Z0-9_]+")
_NO_NAME = re.compile(r"[\s'\"`\\]|[^ -~]")
"""Characters that no name of ERCOT has: blanks, quotes, and what is no ASCII."""
_BYTES = re.compile(r"b(['\"])(.*)\1")
_ALIKE = 0.8
"""Least likeness of a misspelt name to the right one, of 1."""
_LEAST_NAMES = 3  # of fewer resources each may lack rows in one of two datasets


def refuse_other_names(inputs: Inputs, names: Mapping[str, set[str]]) -> None:
    """Refuse day-ahead and SCED files of which one spells the resources of the other differently: each would be a battery of its own.

    Raises:
        InputError: names of both datasets, and that none of one is known to the other.
    """
    one, other = names
    if min(map(len, names.values())) < _LEAST_NAMES or not names[one].isdisjoint(names[other]):
        return
    # ERCOT writes capitals, digits and underscores
    odd = max(names, key=lambda dataset: sum(not _ERCOT_NAME.fullmatch(name) for name in names[dataset]))
    known = other if odd == one else one
    near = ((name, match) for name in sorted(names[odd]) for match in get_close_matches(name.upper(), names[known], 1))
    name, match = next(near, (min(names[odd]), min(names[known])))
    raise InputError(
        f"None of the {len(names[odd])} resources of {DATASETS[odd].folder} is known to {DATASETS[known].folder}: {name!r} is perhaps {match!r}.",
        dataset=odd,
        file=inputs.rollups.files(odd, inputs.year.year)[-1],
        column=DATASETS[odd].columns["resource_name"].headings[0],
        expected="names as ERCOT writes them, the same in every dataset of a year",
        remedy="Write the file again from ERCOT's reports, names as text and unchanged.",
    )


def as_ercot(name: str) -> str:
    """A name as ERCOT would write it: in capitals, without the quotes and signs that a program added."""
    plain = _BYTES.sub(r"\2", name).upper()
    return re.sub(r"[^A-Z0-9_]+", "_", plain.strip(" \"'`"))


def refuse_odd_names(inputs: Inputs, column: str, names: Mapping[str, Collection[str]]) -> None:
    """Refuse a name that is another one in other letters or signs, or that ERCOT cannot have written.

    Args:
        inputs: year and rollups.
        column: canonical column of the names.
        names: by dataset.

    Raises:
        InputError: the name, and the one that it is perhaps.
    """
    every = set().union(*names.values())
    for dataset, own in names.items():
        for name in sorted(own):
            if _ERCOT_NAME.fullmatch(name):
                continue
            known = as_ercot(name) in every - {name}
            if known or _NO_NAME.search(name):
                also = f", which is {as_ercot(name)!r} elsewhere" if known else ""
                raise InputError(
                    f"{DATASETS[dataset].folder} holds the name {name!r}{also}.",
                    dataset=dataset,
                    file=_file_with(inputs, dataset, column, name),
                    column=DATASETS[dataset].columns[column].headings[0],
                    expected="names as ERCOT writes them, in capitals, the same in every row and dataset of a year",
                    remedy="Write the file again from ERCOT's reports, names as text and unchanged.",
                )


def _file_with(inputs: Inputs, dataset: str, column: str, name: str) -> Path | None:
    for path in inputs.rollups.files(dataset, inputs.year.year):
        if any(name in rows.texts(column)[1] for rows in read_rows(DATASETS[dataset], path, [column])):
            return path
    return None


def one_sided(names: Sequence[str], held: Mapping[str, BoolArray]) -> dict[str, tuple[str, str | None]]:
    """Resources that only one of two datasets knows, on days which both hold.

    Args:
        names: all resources.
        held: days on which each has a row, by dataset; shape (resources, days).

    Returns:
        By resource what only its dataset says in words, and the resource that it is perhaps: one spelled much alike, without a row there on its days and with
        rows in the other dataset.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for dataset, days in held.items():
        (other,) = (days for name, days in held.items() if name != dataset)
        (lacking,) = held.keys() - {dataset}
        alone = (days & other.any(axis=0)).any(axis=1) & ~other.any(axis=1)
        for n in np.flatnonzero(alone).tolist():
            fits = ~(days & days[n]).any(axis=1) & (other & days[n]).any(axis=1)
            alike = {names[k]: SequenceMatcher(None, names[n], names[k]).ratio() for k in np.flatnonzero(fits).tolist()}
            near = max(alike, key=alike.__getitem__, default="")
            perhaps = near if near and alike[near] >= _ALIKE else None
            words = f"{names[n]} has rows in {dataset} and none in {lacking}"
            if perhaps:
                words += f", on days of which {perhaps} has none in {dataset}: perhaps one resource, spelled two ways"
            found[names[n]] = words, perhaps
    return found


def nearest(name: str, known: Collection[str]) -> str:
    """A name that a file does not know, with the nearest one that it knows."""
    near = get_close_matches(as_ercot(name), known, 1, _ALIKE)
    return f"{name} (nearest: {near[0]})" if near else name
