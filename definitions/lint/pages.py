"""The documentation of the rules, made from the rules: one page each, and the list of all."""

from __future__ import annotations

from definitions.lint import RULES
from definitions.lint.finding import Rule, Severity
from definitions.lint.illustration import illustration
from definitions.settings import Settings

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def pages() -> dict[str, str]:
    """Markdown by file name: ``index.md``, and ``<CODE>.md`` for every rule."""
    return {"index.md": _index(), **{f"{code}.md": page(rule) for code, rule in sorted(RULES.items())}}


def page(rule: Rule) -> str:
    """One rule as Markdown: why, what to do, thresholds, a failing and a passing example, how to silence it."""
    lines = [f"# {rule.code}", "", f"**{rule.title}.** Severity: {rule.severity}.", "", rule.why, ""]
    lines += ["**What to do.** " + rule.advice, ""]
    if rule.settings:
        lines += ["| setting | default | meaning |", "|---|---|---|"]
        lines += [f"| `{path}` | {_default(path)} | {_meaning(path)} |" for path in rule.settings]
        lines += [""]
    example = illustration(rule.code)
    if example is None:
        lines += ["The rule speaks about published values, so it has no example in YAML alone.", ""]
    else:
        for name, text in (("Fails", example.failing), ("Passes", example.passing)):
            lines += [f"{name}:", "", "```yaml", text.rstrip("\n"), "```", ""]
    lines += [
        "To silence it in place, on the metric, objective, key result, team or cycle that it speaks about:",
        "",
        "```yaml",
        f"silence: [{{rule: {rule.code}, why: the reason}}]",
        "```",
        "",
    ]
    return "\n".join(lines)


def _index() -> str:
    lines = [
        "# Rules of the dictionary",
        "",
        "`vitals check` holds the dictionary to these rules. Errors stop the build; warnings and notes are published",
        "(`definition_findings`) and shown with file and line. Thresholds are settings (`settings.yml`, section",
        "`lint`). What does not even load (unknown keys, names, columns, SQL that does more than read) is told by the",
        "same command, with codes of its own.",
        "",
        "| rule | severity | what it asks for |",
        "|---|---|---|",
    ]
    ordered = sorted(RULES.values(), key=lambda rule: (_ORDER.index(rule.severity), rule.code))
    lines += [f"| [{rule.code}]({rule.code}.md) | {rule.severity} | {rule.title} |" for rule in ordered]
    return "\n".join(lines) + "\n"


def _field(path: str) -> tuple[object, str]:
    section, name = path.split(".")
    values = getattr(Settings(), section)
    return getattr(values, name), type(values).model_fields[name].description or ""


def _default(path: str) -> str:
    value = _field(path)[0]
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _meaning(path: str) -> str:
    return _field(path)[1]
