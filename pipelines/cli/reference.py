"""The page of all commands, from the code: `python -m pipelines.cli.reference > docs/commands.md`.

A test compares the page with what this writes, and holds that every command has a help text and `--json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import typer
from rich.text import Text

from pipelines.cli.output import Exit

WITHOUT_JSON = {
    "dev": "runs a web server until it is stopped",
    "serve": "runs a web server until it is stopped",
}
"""Commands whose answer is no data, with the reason."""

_HEAD = """# Commands

*Generated from the code: `python -m pipelines.cli.reference > docs/commands.md`.*

`vitals COMMAND --help` says the same in a terminal. Where the settings of an installation are found:
[Starting](starting.md#where-things-are).

## For programs

`--json` prints an answer as JSON, an array of objects, and nothing else on the standard output; what went wrong is told
on the standard error.{exceptions}

| exit code | meaning |
|---|---|
{codes}
A wrong name is answered with the nearest valid one.

## Completion in the shell

```
vitals --install-completion        # of the shell it is called from: bash, zsh or fish
vitals --show-completion           # prints the script instead, to put it where you like
```

Then the tab key completes commands, options, and names: metrics, dimensions, sources, streams, tables, teams, key
results, cycles, rules, business models. They are read from the files of the installation, as they are.
"""


@dataclass(frozen=True)
class Command:
    """One command that can be called: its words after `vitals`, and what its parser knows."""

    words: tuple[str, ...]
    parser: Any

    @property
    def name(self) -> str:
        """As one types it."""
        return " ".join(self.words)

    @property
    def help(self) -> str:
        """Its help text as it is written in the code."""
        return str(self.parser.help or "")

    @property
    def has_json(self) -> bool:
        """Whether it takes --json."""
        return any("--json" in parameter.opts for parameter in self.parser.params)


def commands(app: typer.Typer) -> tuple[Command, ...]:
    """Every command of an application that does something, in the order in which help lists them."""
    return tuple(_below((), typer.main.get_command(app)))


def _below(words: tuple[str, ...], parser: Any) -> Iterator[Command]:
    if hasattr(parser, "commands"):
        for name, inner in parser.commands.items():
            yield from _below((*words, name), inner)
    else:
        yield Command(words, parser)


def page(app: typer.Typer) -> str:
    """The page as Markdown; the same for any width of the terminal."""
    codes = "".join(f"| {code.value} | {code.meaning} |\n" for code in Exit)
    told = " and ".join(f"`vitals {name}` ({why})" for name, why in WITHOUT_JSON.items())
    parts = [_HEAD.format(codes=codes, exceptions=f" Without it are {told}." if told else "")]
    last = ""
    for command in commands(app):
        group = command.words[0]
        if group != last:
            parts.append(f"\n## vitals {group}\n")
            if len(command.words) > 1:
                parts.append(f"\n{_prose(_group_help(app, group))}\n")
            last = group
        if len(command.words) > 1:
            parts.append(f"\n### vitals {command.name}\n")
        parts.append(_section(command))
    return "".join(parts)


def _group_help(app: typer.Typer, name: str) -> str:
    root: Any = typer.main.get_command(app)
    return str(root.commands[name].help or "")


def _section(command: Command) -> str:
    arguments = [p for p in command.parser.params if p.param_type_name == "argument"]
    options = [p for p in command.parser.params if p.param_type_name == "option" and not p.hidden]
    words = [f"vitals {command.name}", *(_metavar(p) for p in arguments), *(["[OPTIONS]"] if options else [])]
    lines = [f"\n{_prose(command.help)}\n", f"```\n{' '.join(words)}\n```\n"]
    rows = [(f"`{_metavar(p)}`", p) for p in arguments]
    rows += [(_spelled(p), p) for p in options]
    if rows:
        lines.append("| | |\n|---|---|\n" + "".join(f"| {name} | {_about(p)} |\n" for name, p in rows))
    return "\n".join(lines)


def _spelled(option: Any) -> str:
    """The option's names, with what it takes where the code says so."""
    names = ", ".join(f"`{text}`" for text in (*option.opts, *option.secondary_opts))
    return f"{names} `{option.metavar}`" if option.metavar else names


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    if name.startswith("["):
        return str(name)
    dots = "..." if argument.nargs == -1 and not name.endswith("...") else ""
    return f"{name}{dots}" if argument.required else f"[{name}]{dots}"


def _about(parameter: Any) -> str:
    """Help, choices, default and variable of a parameter."""
    notes = [re.sub(r"(?<!\.)\.$", "", _plain(parameter.help or ""))]
    words = parameter.type_descriptor.annotation
    if isinstance(words, type) and issubclass(words, Enum):
        notes.append(f"one of {', '.join(str(word.value) for word in words)}")
    if parameter.param_type_name == "option" and parameter.required:
        notes.append("required")
    default = parameter.default
    if not isinstance(default, bool | None) and str(default):
        notes.append(f"default `{default.value if isinstance(default, Enum) else default}`")
    if parameter.envvar:
        notes.append(f"variable `{parameter.envvar}`")
    return "; ".join(note for note in notes if note).replace("|", "\\|")


def _prose(text: str) -> str:
    """A help text as Markdown: its examples as code."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(_block(block) for block in blocks)


def _block(block: str) -> str:
    words = " ".join(block.split())
    example = re.fullmatch(r"\[dim\](.*)\[/dim\]", words)
    return f"```\n{_plain(example[1])}\n```" if example else _plain(words)


def _plain(text: str) -> str:
    """Without the marks that Rich reads."""
    return Text.from_markup(" ".join(text.split())).plain


if __name__ == "__main__":
    from pipelines.cli.app import app

    print(page(app), end="")
