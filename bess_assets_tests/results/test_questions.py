"""Every snippet of docs/questions.md, run on the made-up market: each question is one command and one line."""

import ast
import re
import shlex
from pathlib import Path

import click.testing
import pytest

from bess_assets.cli import main
from bess_assets.results import Answer
from bess_assets_tests.conftest import Worlds

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "questions.md"
_FENCE = re.compile(r"^```(?P<language>sh|python)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def _snippets(language: str) -> list[str]:
    return [
        fence["code"] for fence in _FENCE.finditer(PAGE.read_text(encoding="utf-8")) if fence["language"] == language
    ]


COMMANDS = [line for code in _snippets("sh") for line in code.splitlines()]
BEGIN, *LINES = _snippets("python")
LINES = [ast.unparse(line) for code in LINES for line in ast.parse(code).body]


def test_each_of_the_ten_questions_has_a_command_and_a_line() -> None:
    questions = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(questions) == 10
    assert [
        question.splitlines()[0] for question in questions if "```sh" not in question or "```python" not in question
    ] == []


@pytest.fixture
def _in_the_market(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BESS_HOME", str(worlds.late.settings.home))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_in_the_market")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_answers(command: str) -> None:
    bess, *words = shlex.split(command.partition(" > ")[0])
    done = click.testing.CliRunner().invoke(main, words)
    assert bess == "bess"
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) > 3


@pytest.mark.usefixtures("_in_the_market")
def test_every_line_of_python_on_the_page_answers() -> None:
    names: dict = {}
    exec(BEGIN, names)
    with names["results"]:
        for line in LINES:
            if ".to_csv" in line:
                exec(line, names)
                assert Path("board.csv").stat().st_size > 1_000
            else:
                answer = eval(line, names)
                assert isinstance(answer, Answer), line
                assert answer.rows, line
