"""Changes of a definition's status, written into the YAML where it stands: every other byte stays as it is.

    certify(folder, "win_rate", by="ana", on=date(2026, 7, 14))     # → the file that was changed

The text is changed in memory and the whole folder is read again before a file is written: what would not load, or would
change anything else than was asked for, is refused. Source: definition lint, 'Errors'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from definitions.approval import change_of
from definitions.errors import CatalogueError, Problem, unknown
from definitions.governance.flow import STEPS, no_say
from definitions.loading import load_texts, read_folder
from definitions.model import NOWHERE, Catalogue, Metric

Value = str | int | date


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that is ready to be written: the file, its new text, and the metric as it then is."""

    path: Path
    text: str
    metric: Metric

    def write(self) -> Path:
        """Put the text in place of the old one, whole or not at all."""
        aside = self.path.with_name(f".{self.path.name}.new")
        aside.write_bytes(self.text.encode("utf-8"))
        aside.replace(self.path)
        return self.path


def submit(folder: Path, name: str) -> Edit:
    """Draft → review. Raises CatalogueError where an agreement is missing."""
    metric = _metric(_load(folder), name)
    _step(metric, "review")
    lacks = [*metric.undeclared, *(["definition"] if not metric.definition else [])]
    if lacks:
        raise _refused("MISSING_KEY", metric, f"a metric in review needs {', '.join(lacks)}", lacks[0])
    return _edited(folder, metric, {"status": "review"}, replace(metric, status="review"))


def certify(folder: Path, name: str, *, by: str, on: date) -> Edit:
    """Review → certified, or the review of a certified metric anew.

    Raises CatalogueError where ``by`` has no say, or proposed the version himself.
    """
    catalogue = _load(folder)
    metric = _metric(catalogue, name)
    if metric.status != "certified":
        _step(metric, "certified")
    _may(catalogue, metric, by)
    entry = change_of(metric)
    if entry is not None and entry.proposed_by == by:
        message = f"{by!r} proposed version {metric.version} of {name!r}, and cannot certify it"
        raise _refused("SAME_APPROVER", metric, message, by)
    if entry is not None and on < entry.on:
        message = f"version {metric.version} of {name!r} is of {entry.on}; it cannot be reviewed on {on}"
        raise _refused("WRONG_VALUE", metric, message, str(on))
    after = replace(metric, status="certified", reviewed_on=on, reviewed_by=by)
    return _edited(folder, metric, {"status": "certified", "reviewed_on": on, "reviewed_by": by}, after)


def deprecate(
    folder: Path, name: str, *, until: date, successor: str, by: str, proposed_by: str, why: str, on: date
) -> Edit:
    """Review or certified → deprecated, as a version of its own in the change log (of kind `retire`).

    Raises CatalogueError where ``by`` has no say or is who proposed it, where the successor is not there or is itself
    deprecated, or where the last day is over.
    """
    catalogue = _load(folder)
    metric = _metric(catalogue, name)
    _step(metric, "deprecated")
    _may(catalogue, metric, by)
    if by == proposed_by:
        raise _refused("SAME_APPROVER", metric, f"{by!r} proposed it, and cannot approve it", by)
    following = _metric(catalogue, successor)
    if following.name == name or following.status in ("draft", "deprecated"):
        why_not = "is itself" if following.name == name else f"is {following.status}"
        raise _refused(
            "WRONG_VALUE", metric, f"{successor!r} {why_not}, so it cannot follow {name!r}", successor
        )
    if until < on:
        raise _refused("WRONG_VALUE", metric, f"{until} is over; give a day from {on} on", str(until))
    version = max([metric.version, *(change.version for change in metric.changes)]) + 1
    entry: dict[str, Value] = {
        "version": version,
        "on": on,
        "why": why,
        "proposed_by": proposed_by,
        "approved_by": by,
        "kind": "retire",
    }
    keys: dict[str, Value] = {
        "status": "deprecated",
        "version": version,
        "replaced_by": successor,
        "deprecated_on": until,
    }
    after = replace(metric, status="deprecated", version=version, replaced_by=successor, deprecated_on=until)
    return _edited(folder, metric, keys, after, entry)


# ── what is allowed ─────────────────────────────────────────────────────────────────────────────────────────


def _load(folder: Path) -> Catalogue:
    return load_texts(read_folder(folder), root=folder)


def _metric(catalogue: Catalogue, name: str) -> Metric:
    if name not in catalogue.metrics:
        raise CatalogueError([unknown("metric", name, catalogue.metrics, NOWHERE, name)])
    return catalogue.metrics[name]


def _step(metric: Metric, now: str) -> None:
    if (metric.status, now) not in STEPS:
        following = [after for before, after in STEPS if before == metric.status]
        message = f"{metric.name!r} is {metric.status}, and cannot become {now}"
        hint = f"From {metric.status} it goes to {' or '.join(following)}."
        path = (metric.name, "status")
        raise CatalogueError(
            [Problem("WRONG_STEP", message, metric.location, metric.status, path, hint=hint)]
        )


def _may(catalogue: Catalogue, metric: Metric, person: str) -> None:
    problem = no_say(catalogue, metric, person)
    if problem is not None:
        raise CatalogueError([problem])


def _refused(code: str, metric: Metric, message: str, text: str) -> CatalogueError:
    return CatalogueError([Problem(code, message, metric.location, text, (metric.name,))])


# ── the text ────────────────────────────────────────────────────────────────────────────────────────────────


def _edited(
    folder: Path,
    metric: Metric,
    keys: Mapping[str, Value],
    expected: Metric,
    entry: Mapping[str, Value] | None = None,
) -> Edit:
    """The edit that sets keys of a metric (and adds an entry to its change log), read back before it is believed."""
    texts = read_folder(folder)
    file = metric.location.file
    text = texts[file].decode("utf-8-sig")
    for key, value in keys.items():
        text = set_key(text, metric.name, key, _scalar(value))
    if entry is not None:
        flow = "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in entry.items()) + "}"
        text = add_change(text, metric.name, flow)
    before = load_texts(texts, root=folder)
    after = load_texts({**texts, file: text}, root=folder)
    made = after.metrics[metric.name]
    unlike = {name for name in before.metrics if before.metrics[name] != after.metrics.get(name)}
    kept = replace(expected, changes=made.changes) if entry is not None else expected
    if unlike - {metric.name} or made != kept or made.changes[: len(metric.changes)] != metric.changes:
        message = f"{metric.name!r} is written in a way that cannot be changed safely; nothing was written"
        hint = f"Set by hand: {', '.join(f'{key}: {_scalar(value)}' for key, value in keys.items())}."
        raise CatalogueError([Problem("WRONG_SHAPE", message, metric.location, metric.name, hint=hint)])
    return Edit(folder / file, text, made)


_NEXT_TO = {"reviewed_by": "reviewed_on", "deprecated_on": "replaced_by"}
_ALWAYS = ("definition", "label", "name")
"""One of these every metric has."""


def set_key(text: str, metric: str, key: str, value: str) -> str:
    """The text of a metrics file with a key of one metric set: its value replaced, or the key added."""
    node = _node(text, metric)
    pairs = {str(name.value): (name, held) for name, held in node.value}
    if key in pairs:
        held = pairs[key][1]
        return text[: held.start_mark.index] + value + text[_end(held) :]
    after = next(name for name in (_NEXT_TO.get(key), "version", "status", *_ALWAYS) if name in pairs)
    return _inserted(text, node, _end(pairs[after][1]), key, value)


def add_change(text: str, metric: str, entry: str) -> str:
    """The text with one more entry at the end of a metric's change log."""
    node = _node(text, metric)
    held = next((held for name, held in node.value if name.value == "changes"), None)
    if held is None:
        last = node.value[-1][1]
        if node.flow_style:
            return _inserted(text, node, _end(last), "changes", f"[{entry}]")
        column = node.value[0][0].start_mark.column
        return _inserted(text, node, _end(last), "changes", f"{_newline(text)}{' ' * column}  - {entry}")
    if held.flow_style:
        place = _end(held) - 1
        return f"{text[:place]}{', ' if held.value else ''}{entry}{text[place:]}"
    # The dash of an entry stands where the sequence begins.
    at = _line_end(text, _end(held))
    return f"{text[:at]}{_newline(text)}{' ' * held.start_mark.column}- {entry}{text[at:]}"


def _inserted(text: str, node: Any, after: int, key: str, value: str) -> str:
    if node.flow_style:
        return f"{text[:after]}, {key}: {value}{text[after:]}"
    at = _line_end(text, after)
    column = node.value[0][0].start_mark.column
    gap = "" if value.startswith(("\n", "\r")) else " "
    return f"{text[:at]}{_newline(text)}{' ' * column}{key}:{gap}{value}{text[at:]}"


def _node(text: str, metric: str) -> Any:
    """The map of one metric, with the places of its keys and values."""
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, held in root.value:
        if key.value != "metrics":
            continue
        for item in held.value:
            if any(name.value == "name" and told.value == metric for name, told in item.value):
                return item
    raise KeyError(metric)


def _end(node: Any) -> int:
    """Where a value ends in the text, without what follows it (comments, blank lines)."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _line_end(text: str, place: int) -> int:
    """The end of the line that a value ends in; a block of text ends where the next line begins."""
    while place > 0 and text[place - 1] in "\r\n":
        place -= 1
    found = text.find("\n", place)
    if found < 0:
        return len(text)
    return found - 1 if text[found - 1] == "\r" else found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _scalar(value: Value) -> str:
    """A value as YAML on one line."""
    if not isinstance(value, str):
        return str(value)
    shown = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return shown.removesuffix("\n").removesuffix("...").rstrip("\n")
