"""The tutorial does what it says: its commands are run in one shell, in order, and answer as it shows.

Of an answer the tutorial may leave lines and words out; what it does show has to be there, word after word. The company
is smaller here than a reader's, so a number stands for any number.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"[-+]?[\d.,:]+%?")
MARK = "@@ the answer ends @@"


@dataclass(frozen=True)
class Step:
    """A command with what it is said to answer."""

    command: str
    answer: tuple[str, ...]

    @property
    def fails(self) -> bool:
        return any(" error " in line for line in self.answer)


def steps() -> Iterator[Step]:
    """Commands of the page in order; a file that the reader is told to write is one as well."""
    path = ""
    for before, language, body in re.findall(r"(.*?)^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        path = next(iter(re.findall(r"`(my-company/\S+)`:\s*$", before)), path)
        if language == "yaml":
            yield Step(f"cat > {path} <<'END'\n{body}END", ())
        if language == "console":
            for command, answer in re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", body, re.MULTILINE):
                yield Step(command, tuple(line for line in answer.splitlines() if line.strip()))


STEPS = tuple(step for step in steps() if not step.command.startswith("source "))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Exit code and output of every step, run in one shell after a small demo."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "definitions").symlink_to(ROOT / "definitions")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VITALS_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}", "COLUMNS": "300"}
    environment |= {"DAGSTER_DISABLE_TELEMETRY": "yes", "GX_ANALYTICS_ENABLED": "false"}
    environment["PYTHONPATH"] = str(ROOT)
    subprocess.run(
        ["vitals", "demo", "--scale", "0.1", "--json"],
        cwd=folder,
        env={**environment, "VITALS_HOME": str(folder / ".vitals")},
        check=True,
        capture_output=True,
    )
    script = "\n".join(f"{step.command}\ncode=$?; echo; echo '{MARK}' $code" for step in STEPS)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )
    found = re.findall(rf"(.*?){MARK} (\d+)\n", done.stdout, re.DOTALL)
    return [(int(code), output) for output, code in found]


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[step.command[:60] for step in STEPS])
def test_a_step_answers_as_the_tutorial_says(answers: list[tuple[int, str]], number: int) -> None:
    step, (code, output) = STEPS[number], answers[number]
    assert (code != 0) == step.fails, output
    lines = [line.split() for line in output.splitlines()]
    for said in step.answer:
        words = said.replace("…", " ").split()
        assert any(in_order(words, line) for line in lines), f"{said!r} is not in the answer:\n{output}"


def in_order(words: list[str], line: list[str]) -> bool:
    """Whether the words are in the line one after another; others may be between them."""
    rest = iter(line)
    return all(any(same(word, found) for found in rest) for word in words)


def same(said: str, found: str) -> bool:
    """A number stands for any number; any other word is itself."""
    return said == found or bool(NUMBER.fullmatch(said) and NUMBER.fullmatch(found))


def test_the_page_has_its_steps() -> None:
    assert len(STEPS) >= 15
    assert sum(bool(step.answer) for step in STEPS) >= 10
