"""Damaged report files (bytes, ZIPs, delimiters, quotes, cells): what cannot be used is refused by name and never stops the rest; every row is kept or counted."""

import random
import shutil

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.report_rows import Part, parse
from bess_assets.ercot.reports import recognise
from bess_assets.errors import BessError
from bess_assets.store.roll_up import roll_up
from bess_assets.store.rollup_files import read_manifest
from bess_assets_tests.ercot.report_samples import (
    BIDS,
    DA_SPP,
    DAM_GEN,
    MCPC,
    RT_MCPC,
    RT_SPP,
    SCED_GEN,
    SCED_LOAD,
    SMNE,
    award,
    price,
    put,
    rt_price,
    run,
    text,
    zipped,
)

pytestmark = pytest.mark.slow

seeds = st.integers(0, 2**32 - 1)
CELLS = (
    *("", " ", "-0.0", "1e400", "nan", "inf", "12,5", '"', '""', "\x00", "Y", "99:99", "13/45/2024"),
    *("01/05/2024", "25", "0", "-1", "٣", "x" * 200, "=1+1", "\ufeff", "<b>"),
)
ODD_BYTES = [b"\x00", b'"', b",", b"\n", b"\r", b"\xff", b"\xef\xbb\xbf"]


def _report(rng: random.Random) -> tuple[str, str]:
    """A right report of some dataset, and what ERCOT would call it."""
    day, hours = f"01/{rng.randint(4, 6):02d}/2024", rng.sample(range(1, 25), rng.randint(1, 6))
    stamps = [f"{day} {hour - 1:02d}:{rng.randint(0, 59):02d}:10" for hour in hours]
    reports = {
        "60d_DAM_Gen_Resource_Data-05-MAR-24": (DAM_GEN, [award(day, h, mw=rng.randint(0, 9)) for h in hours]),
        "60d_SCED_Gen_Resource_Data-05-MAR-24": (SCED_GEN, [run(s, rng.random()) for s in stamps]),
        "60d_Load_Resource_Data_in_SCED-05-MAR-24": (
            SCED_LOAD,
            [f"{s},N,OAK_LD1,ON,10,0,{rng.random()}" for s in stamps],
        ),
        "60d_SCED_SMNE_GEN_RES-05-MAR-24": (
            SMNE,
            [f"{day} {h - 1:02d}:14:59,{4 * h - 3},OAK_BESS1,1.5" for h in hours],
        ),
        "cdr.00012301.SPPHLZNP6905": (RT_SPP, [rt_price(day, h, rng.randint(1, 4), 25) for h in hours]),
        "cdr.00012331.DAMSPNP4190": (DA_SPP, [price(day, h, 25) for h in hours]),
        "cdr.00012329.DAMCPCNP4188": (MCPC, [f"{day},{h:02d}:00,REGUP,5,N" for h in hours]),
        "cdr.00024891.RTDMCPC": (RT_MCPC, [f"{day},{h},1,N,REGUP,5" for h in hours]),
        "60d_DAM_EnergyBidAwards-05-MAR-24": (BIDS, [f"{day},{h},OAK_RN,QOAK,-5,25,1" for h in hours]),
    }
    name = rng.choice(list(reports))
    return f"{name}.csv", text(*reports[name])


def _with_another_cell(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS).encode()
    lines[at] = b",".join(cells)
    return b"\n".join(lines)


def _with_lines_moved(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    return b"\n".join(rng.choices(lines, k=len(lines)))


def _damaged(content: bytes, rng: random.Random) -> bytes:
    """Something that a transfer, an editor or a spreadsheet does to a file; every other time to one or two cells only."""
    if rng.random() < 0.5:
        for _ in range(rng.randint(1, 2)):
            content = _with_another_cell(content, rng)
        return content
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(content))
        content = rng.choice(
            [
                lambda c, at: c[:at], lambda c, at: c[at:],
                lambda c, at: c[:at] + rng.randbytes(rng.randint(1, 8)) + c[at:],
                lambda c, at: c[:at] + rng.choice(ODD_BYTES) + c[at + rng.randint(0, 1) :],
                lambda c, _: b"\xef\xbb\xbf" + c,
                lambda c, _: c.replace(b",", rng.choice([b";", b"\t", b"|", b",,"])),
                lambda c, _: c.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n"])),
                lambda c, _: c.decode("utf-8", "replace").encode("utf-16"),
                lambda c, _: b'"' + c.replace(b",", b'","').replace(b"\n", b'"\n"') + b'"',
                lambda c, _: _with_another_cell(c, rng), lambda c, _: _with_another_cell(c, rng),
                lambda c, _: _with_lines_moved(c, rng), lambda c, _: c + c, lambda _, at: rng.randbytes(at),
            ]
        )(content, at)  # fmt: skip
    return content


def _says_where(error: BessError, dataset: str, label: str) -> None:
    assert (error.dataset, error.file) == (dataset, label)
    assert error.expected


@settings(max_examples=2_500)
@given(seeds)
def test_rows_of_a_damaged_report_are_all_read_and_each_is_kept_or_counted(seed):
    rng = random.Random(seed)
    name, whole = _report(rng)
    data = _damaged(whole.encode(), rng)
    heading = recognise(name, data)
    if heading.dataset is None:
        assert heading.why_not
        return
    part = Part(0, name, 0, 2, data[heading.data_starts :])
    try:
        parsed = parse(heading.dataset, heading.headings, [part], 0)
    except BessError as error:
        _says_where(error, heading.dataset.name, name)
        return
    assert parsed.table.num_rows + sum(parsed.untimed.values()) <= part.data.count(b"\n") + part.data.count(b"\r") + 1


@settings(max_examples=120)
@given(seeds)
def test_damaged_files_are_named_and_the_right_one_beside_them_is_read_whole(tmp_path_factory, seed):
    rng = random.Random(seed)
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    right = text(DAM_GEN, [award("02/01/2024", hour) for hour in range(1, 25)])
    put(folder / "reports" / "60d_DAM_Gen_Resource_Data-01-APR-24.csv", right, seconds=1_000)
    for n in range(rng.randint(1, 3)):
        name, whole = _report(rng)
        data = whole.encode()
        packed = rng.random() < 0.5
        if not packed or rng.random() < 0.5:
            data = _damaged(data, rng)
        if packed:
            data = zipped({name: data, "other.csv": b"a,b\n1,2\n"} if rng.random() < 0.3 else {name: data})
            if rng.random() < 0.3:
                data = zipped({"inner.zip": data})
            if rng.random() < 0.7:
                data = _damaged(data, rng)
        put(folder / "reports" / (f"{n}_{name}" if not packed else f"{n}.zip"), data, seconds=900 + n)
    done = roll_up(folder / "reports", folder / "built")
    held = {(b.dataset, b.year): b for b in done.built}
    rows = pq.read_table(held["dam_gen_resources", 2024].path, columns=["operating_day", "Hour Ending"]).to_pylist()
    february = sorted(int(row["Hour Ending"]) for row in rows if row["operating_day"].isoformat() == "2024-02-01")
    assert february == list(range(1, 25)), "rows of the right file"
    for built in done.built:
        if not built.path.is_file():
            assert built.manifest["refused"]
            continue
        counts = built.manifest["rows"]
        assert counts["kept"] == pq.ParquetFile(built.path).metadata.num_rows
        assert counts["read"] == counts["kept"] + counts["same"] + counts["superseded"] + counts["contradicting"]
        assert read_manifest(built.path) == built.manifest
        assert built.dataset in DATASETS
    again = roll_up(folder / "reports", folder / "built")
    assert not any(built.changed for built in again.built), "nothing is new the second time"
