"""Mutation testing of `bess_assets/ercot/` and `bess_assets/settlement/`: small faults are put into a module, one at a time, and its own tests must see each.

    python -m tools.mutants energy ancillary --out mutants.jsonl

Belongs here: which faults are made, how a module is run with one, the list of those that no test saw.
Does not: judging a survivor. It is killed by a sharper test, or makes no difference.

A mutant is one change of the module's syntax tree. Third-party packages are imported once, in a parent; each mutant is a fork of it that imports the project
afresh, with the changed module in the place of the file's, and runs the module's tests until the first fails. Nothing is written to the source. One process
works at a time. A mutant that takes three times as long as the tests do unchanged, and 20 s, counts as killed.
"""

import argparse
import ast
import contextlib
import importlib
import importlib.machinery
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (ROOT / "bess_assets" / "ercot", ROOT / "bess_assets" / "settlement")
TESTS = ROOT / "bess_assets_tests"

BESIDE = {
    "footers": ["ercot/test_datasets.py"],
    "daily": ["settlement/test_daily.py", "settlement/test_award_checks.py"],
    "metrics": ["settlement/test_metrics.py", "settlement/test_board.py"],
    "products": [f"settlement/test_{name}.py" for name in ("energy", "ancillary", "prices", "awards")],
    "rollup": ["store/test_roll_up.py"],
    "rows": ["ercot/test_rows.py", "settlement/test_runs.py"],
    "runs": ["settlement/test_runs.py", "settlement/test_dispatch.py"],
    "schema_files": ["ercot/test_inspection.py"],
}
"""Tests of a module whose file is not called test_<module>.py, or that has more than one."""
PRELOADED = (
    "numpy",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pandas",
    "duckdb",
    "hypothesis",
    "hypothesis.extra.numpy",
    "pytest",
    "xdist.plugin",
    "pytest_timeout",
    "asyncio",
    "pyarrow.pandas_compat",
    "filelock",
    "xlsxwriter",
)
"""Imported once, before the forks."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "argmin": "argmax",
    "argmax": "argmin",
}

Fault = tuple[str, Callable[[ast.AST], ast.AST]]
"""What is done, and the node that takes the place of the one given."""


def _set(**fields: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        for name, value in fields.items():
            setattr(node, name, value)
        return node

    return change


def faults(node: ast.AST) -> Iterator[Fault]:
    """The faults that can be put in the place of one node."""
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_statements(node)


def _of_operators(node: ast.AST) -> Iterator[Fault]:
    match node:
        case ast.Compare(ops=operators):
            for n, operator in enumerate(operators):
                other = COMPARISONS[type(operator)]
                changed = [*operators[:n], other(), *operators[n + 1 :]]
                yield f"{type(operator).__name__} becomes {other.__name__}", _set(ops=changed)
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in OPERATIONS:
            other_operation = OPERATIONS[type(operator)]
            yield f"{type(operator).__name__} becomes {other_operation.__name__}", _set(op=other_operation())
        case ast.BoolOp(op=ast.And()):
            yield "and becomes or", _set(op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield "or becomes and", _set(op=ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub(), operand=operand):
            yield f"{type(node.op).__name__} left out", lambda _: operand


def _of_values(node: ast.AST) -> Iterator[Fault]:
    match node:
        case ast.Constant(value=bool(value)):
            yield f"{value} becomes {not value}", _set(value=not value)
        case ast.Constant(value=int(number) | float(number)):
            yield f"{number} becomes {number + 1}", _set(value=number + 1)
        case ast.Attribute(attr=name) if name in NAMES:
            yield f"{name} becomes {NAMES[name]}", _set(attr=NAMES[name])
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            yield f"{name} becomes {NAMES[name]}", _set(func=ast.Name(NAMES[name], ast.Load()))


def _of_statements(node: ast.AST) -> Iterator[Fault]:
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield "condition turned round", _set(test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "None returned", _set(value=ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Assign(targets=[ast.Subscript()]) | ast.Continue():
            yield "statement left out", lambda _: ast.Pass()
        case ast.Raise():
            yield "raise left out", lambda _: ast.Pass()


def _places(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that mean something at run time, in the order of the source: no annotations, no decorators, no texts."""
    for field, value in ast.iter_fields(tree):
        if field in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.keyword) and child.arg == "strict":
                continue
            yield child
            yield from _places(child)


class _Replace(ast.NodeTransformer):
    def __init__(self, node: ast.AST, change: Callable[[ast.AST], ast.AST]) -> None:
        self._wanted, self._change = node, change

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._wanted:
            return self._change(node)
        self.generic_visit(node)
        return node


@dataclass(frozen=True)
class Mutant:
    """One fault at one place.

    Attributes:
        line: where, in the source.
        done: what, in words.
        make: changes the tree that all mutants of a module share, and hands it back: to be done in a fork.
    """

    line: int
    done: str
    make: Callable[[], ast.Module]


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree = ast.parse(source)

    def making(node: ast.AST, change: Callable[[ast.AST], ast.AST]) -> Callable[[], ast.Module]:
        def make() -> ast.Module:
            _Replace(node, change).visit(tree)
            return ast.fix_missing_locations(tree)

        return make

    for node in _places(tree):
        for done, change in faults(node):
            yield Mutant(getattr(node, "lineno", 0), done, making(node, change))


def _run(module: str, mutant: Mutant | None, tests: list[str], folder: Path) -> int:
    """In a child: pytest's verdict on the project with one module replaced."""
    os.environ["CI"] = "true"  # the same random cases for every mutant
    if mutant is not None:
        code = compile(mutant.make(), str(_file_of(module)), "exec")
        original = importlib.machinery.SourceFileLoader.get_code

        def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
            return (
                code if fullname == f"bess_assets.{_file_of(module).parent.name}.{module}" else original(self, fullname)
            )

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    import pytest  # noqa: PLC0415

    quiet = [
        "-x",
        "-q",
        "-n",
        "0",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        f"--basetemp={folder}",
    ]
    return int(pytest.main([*quiet, *tests]))


def judge(module: str, mutant: Mutant | None, tests: list[str], limit: float) -> tuple[int | None, float]:
    """Exit code of the tests (None if they took too long) and the seconds they took, in a fork of this process."""
    folder = Path(tempfile.mkdtemp(prefix="mutant_"))
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        verdict = 99
        with contextlib.suppress(BaseException):
            verdict = _run(module, mutant, tests, folder / "tests")
        os._exit(verdict)
    verdict_of: int | None = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            verdict_of = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() - started > limit:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    return verdict_of, time.monotonic() - started


def _file_of(module: str) -> Path:
    """The module's file, in the room that has it."""
    return next(path for room in ROOMS if (path := room / f"{module}.py").is_file())


def tests_of(module: str) -> list[str]:
    """Paths of the tests that must see a fault of a module."""
    return [str(TESTS / name) for name in BESIDE.get(module, [f"{_file_of(module).parent.name}/test_{module}.py"])]


def put_all(module: str, tests: list[str], out: Path | None, lines: range | None, every: int = 1) -> tuple[int, int]:
    """Put every fault, or each `every`-th, into one module; returns mutants and survivors."""
    source = _file_of(module).read_text(encoding="utf-8")
    verdict, seconds = judge(module, None, tests, 600)
    if verdict != 0:
        raise SystemExit(f"{module}: its tests fail before anything is changed")
    print(f"--- {module}: tests take {seconds:.1f} s", flush=True)
    made = survived = 0
    chosen = [mutant for mutant in mutants(source) if lines is None or mutant.line in lines]
    for mutant in chosen[every - 1 :: every]:
        made += 1
        verdict, took = judge(module, mutant, tests, 20 + 3 * seconds)
        if verdict == 0:
            survived += 1
            text = source.splitlines()[mutant.line - 1].strip()
            print(f"{module}.py:{mutant.line}: {mutant.done}: {text}", flush=True)
        if out:
            with out.open("a", encoding="utf-8") as log:
                row = {"module": module, "line": mutant.line, "done": mutant.done, "verdict": verdict, "seconds": took}
                log.write(json.dumps(row) + "\n")
    print(f"--- {module}: {made} mutants of {len(chosen)}, {made - survived} killed, {survived} survived", flush=True)
    return made, survived


def main() -> int:
    """Test the named modules and return 1 if a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", metavar="module", help="modules of ercot/ and settlement/, without .py")
    parser.add_argument("--out", type=Path, help="file to which each mutant is appended as a line of JSON")
    parser.add_argument("--tests", nargs="+", help="tests to run instead of the module's own, below bess_assets_tests")
    parser.add_argument("--lines", metavar="FIRST-LAST", help="only mutants of these lines")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th mutant: a sample")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    for name in PRELOADED:
        importlib.import_module(name)
    lines = None
    if options.lines:
        first, last = options.lines.split("-")
        lines = range(int(first), int(last) + 1)
    found = []
    for module in options.modules:
        tests = [str(TESTS / name) for name in options.tests] if options.tests else tests_of(module)
        found.append(put_all(module, tests, options.out, lines, options.every))
    made, survived = (sum(column) for column in zip(*found, strict=True))
    print(f"\n{made} mutants, {made - survived} killed, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
