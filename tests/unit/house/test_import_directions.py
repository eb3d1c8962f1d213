"""Rooms import downward only; Dagster, SQLAlchemy, requests and Great Expectations stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("connectors", "definitions", "quality", "pipelines")


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_great_expectations_is_imported_inside_functions_of_quality_only() -> None:
    offenders = []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            # A block for type checkers imports nothing at run time.
            inside = {
                node
                for block in ast.walk(tree)
                if isinstance(block, ast.FunctionDef) or _is_for_type_checkers(block)
                for node in ast.walk(block)
            }
            for node in ast.walk(tree):
                names = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                named = any(name.split(".")[0] == "great_expectations" for name in names)
                if named and (room != "quality" or node not in inside):
                    offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert offenders == []


def _is_for_type_checkers(block: ast.AST) -> bool:
    return isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"


def test_the_command_line_waits_for_nothing_to_say_what_it_can() -> None:
    """Help comes at once: what commands need, they import when they run."""
    heavy = ("duckdb", "pyarrow", "sqlalchemy", "pandas", "sqlglot", "dagster", "pydantic", "requests")
    code = f"import pipelines.cli.app, sys; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
