"""Plant every fault, say which came out otherwise than declared, and write the tables of the pages: `python -m bess_assets_tests.faults`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bess_assets_tests.faults import tables
from bess_assets_tests.faults.catalogue import FAULTS
from bess_assets_tests.faults.judging import differences
from bess_assets_tests.faults.planting import Market


def main() -> int:
    """Return 1 if a fault came out otherwise than declared; then nothing is written."""
    parser = argparse.ArgumentParser(prog="python -m bess_assets_tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="plant only faults whose name holds these words, and write nothing")
    parser.add_argument("--tables", action="store_true", help="plant nothing: write the tables as declared")
    options = parser.parse_args()
    wrong = 0
    if not options.tables:
        with tempfile.TemporaryDirectory() as folder:
            market = Market(Path(folder) / "right")
            for number, fault in enumerate(FAULTS):
                if options.only not in fault.name:
                    continue
                started = time.perf_counter()
                planted = market.plant(Path(folder) / str(number), fault.plant)
                said = differences(fault, planted)
                wrong += bool(said)
                took = time.perf_counter() - started
                print(f"{'WRONG' if said else 'ok':5} {took:5.1f} s  {fault.name}: {planted.outcome}")
                print("".join(f"      {line}\n" for line in said), end="", flush=True)
    if wrong or options.only:
        print(f"{wrong} came out otherwise than declared; nothing was written")
        return int(bool(wrong))
    for page in tables.PAGES:
        tables.write(*page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
