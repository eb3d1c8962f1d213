"""Every code that a refusal can have: what it means, and what to do about it when nothing closer can be said.

`page` is docs/errors.md. The linter's findings have a list of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """``meaning`` of a code, and its ``hint``: one line, said with each refusal that has no closer one."""

    group: str
    meaning: str
    hint: str


_FILES = {
    "NO_CATALOGUE": (
        "The folder of definitions is not there.",
        "Point VITALS_CATALOGUE at a folder of definitions.",
    ),
    "TOO_MANY_FILES": (
        "The folder holds more files than any dictionary needs.",
        "Point at the dictionary's own folder.",
    ),
    "UNKNOWN_FILE": (
        "A file is where no kind of definition is.",
        "Move it to sources/, metrics/, targets/ or objectives/.",
    ),
    "YAML_SYNTAX": ("The file is not YAML.", "Check indentation, colons and quotes at the place named."),
    "YAML_ENCODING": ("The file is not UTF-8.", "Save it as UTF-8."),
    "YAML_DOCUMENTS": ("The file holds several YAML documents.", "Keep one; remove the '---' between them."),
    "YAML_KEY": ("A key of a map is not text.", "Write the key as a plain word."),
    "YAML_TAG": (
        "A tag (!…) asks the reader to build something.",
        "Remove the tag; values are read by their place.",
    ),
    "YAML_ALIAS": ("An alias (*…) refers to nothing before it.", "Write the value out."),
    "YAML_MERGE": ("A merge key (<<) mixes another map in.", "Write the keys out."),
    "YAML_TOO_DEEP": ("The file is nested deeper than any definition.", "Check brackets and indentation."),
    "YAML_TOO_LARGE": ("The file is larger than any definition file.", "Split it."),
    "DUPLICATE_KEY": ("A map has the same key twice; one would be lost.", "Keep one of the two."),
}
_SHAPES = {
    "WRONG_SHAPE": (
        "A map stands where a list is expected, or the other way round.",
        "Begin each entry with '- name:'.",
    ),
    "UNKNOWN_KEY": ("A key means nothing here.", "Remove it, or use the nearest valid key."),
    "UNKNOWN_TYPE": ("A metric's type is none of the metric types.", "Choose one of the types."),
    "UNKNOWN_GRAIN": (
        "A grain is none that time has here.",
        "Use day, week, month, quarter, year or trailing_<n>d.",
    ),
    "MISSING_KEY": ("Something that is needed is not given.", "Add the key."),
    "WRONG_NAME": (
        "A name has characters or a length that names cannot have.",
        "Use lower case letters, digits and _.",
    ),
    "WRONG_VALUE": ("A value is not one that this key can have.", "Give a value of the kind that is named."),
    "WRONG_TYPE": (
        "A value, column or expression is of another type than needed here.",
        "Cast it, or use another column.",
    ),
    "WRONG_BAND": ("A band's low is not below its high.", "Swap them."),
    "DUPLICATE_NAME": ("Two things have one name.", "Rename or remove one of the two."),
    "DUPLICATE_TARGET": ("A metric has two targets for one period and segment.", "Keep one of the two."),
}
_NAMES = {
    f"UNKNOWN_{what.upper()}": (
        f"There is no {what} of this name.",
        f"Define the {what}, or use a name that is there.",
    )
    for what in (
        "metric source column dimension join calendar team person channel objective segment".split()  # noqa: SIM905
    )
}
_MEANING = {
    "JOIN_FANS_OUT": (
        "A join could give a row several partners and count it twice.",
        "Join on the target's whole key.",
    ),
    "NESTED_FOLD": ("A source is folded from one that is itself folded.", "Fold the table itself."),
    "NO_VALIDITY": (
        "Balances are rebuilt from a source without intervals.",
        "Declare 'validity' on that source.",
    ),
    "NO_TIME": ("A measure has no time to be placed by.", "Give 'time:' on the measure or the source."),
    "NEEDS_TIME": (
        "A value at a period's start needs a time to group by.",
        "Group by metric_time, or publish by a grain.",
    ),
    "TOO_FINE": ("A metric counted by days is asked for below the day.", "Use a grain of days or longer."),
    "WRONG_INPUT": (
        "A cumulative metric runs over something else than one measure.",
        "Run it over a simple metric.",
    ),
    "MIXED_CALENDARS": (
        "Metrics of different calendars are put together.",
        "Query them apart, or give them one calendar.",
    ),
    "CYCLE": ("A metric is computed from itself.", "Take one input of the loop away."),
    "CYCLIC_TREE": ("A metric drives itself.", "Take one driver of the loop away."),
    "TWO_NORTH_STARS": ("There is more than one north star.", "Make one of them supporting."),
    "SAME_APPROVER": ("A change is approved by who proposed it.", "Have another person approve it."),
}
_SQL = {
    "BAD_SQL": ("The text is not one SQL expression.", "Write one expression over declared columns."),
    "BAD_CHARACTER": (
        "A character is invisible, or looks like another.",
        "Type it again with plain characters.",
    ),
    "BAD_LITERAL": (
        "A number, date or text cannot be read as one.",
        "Write 12.5, '2026-07-01' or '2026-07-01 09:00:00'.",
    ),
    "COMMENT": ("An expression holds a comment.", "Use a YAML comment (#)."),
    "TOO_DEEP": ("An expression is nested too deeply.", "Split it over dimensions or metrics."),
    "TOO_LONG": ("An expression is too long.", "Split it over dimensions or metrics."),
    "NOT_ALLOWED": (
        "A construct of SQL is not on the allow-list.",
        "Use columns, literals and the allowed functions.",
    ),
    "UNKNOWN_FUNCTION": ("A function is not on the allow-list.", "Use one of the functions named."),
    "UNKNOWN_VALUE": (
        "A text is compared with a column that never holds it.",
        "Use a declared value, or declare it.",
    ),
    "WRONG_ARGUMENTS": (
        "A function is given too few or other arguments.",
        "Give the arguments that are named.",
    ),
    "NOT_AGGREGATED": (
        "A folded column uses a column outside of an aggregate.",
        "Put it into an aggregate, or group by it.",
    ),
}
_GOALS = {
    "EFFORT_WITH_METRIC": (
        "A key result about effort names a metric.",
        "Make it an outcome, or leave the metric out.",
    ),
    "OUTCOME_WITHOUT_METRIC": (
        "A key result about an outcome names no metric.",
        "Name a metric of the dictionary.",
    ),
    "NOT_ACTIONABLE": (
        "A key result is about a metric that nobody can act on.",
        "Choose a metric that teams can move.",
    ),
    "NO_BASELINE": ("A numeric key result has no starting point.", "Give 'baseline', or use type: baseline."),
    "NO_TARGET": ("A key result has no target.", "Give 'target' (a band for stay_between)."),
    "DIRECTION_MISMATCH": (
        "A key result's target is on the wrong side of its baseline.",
        "Swap them, or change the type.",
    ),
}
_QUERIES = {
    "NOTHING_ASKED": (
        "A query asks for neither metrics nor dimensions.",
        "Name a metric, or --by a dimension.",
    ),
    "NEEDS_RANGE": ("Time alone has no end.", "Give --from and --to."),
    "MIXED_CONDITION": (
        "One condition is about time and about dimensions.",
        "Join separate conditions with AND.",
    ),
    "BAD_LIMIT": ("A limit is below zero.", "Give 0 or more."),
    "METRIC_RETIRED": (
        "A deprecated metric is asked for after its last day.",
        "Ask for its successor; what was published of it stays readable.",
    ),
}
_CHANGES = {
    "BAD_REFERENCE": (
        "What to compare with is neither a folder nor a git reference.",
        "Give a folder, a branch or a commit.",
    ),
    "METRIC_DELETED": (
        "A metric that was published is gone.",
        "Deprecate it instead: status: deprecated, replaced_by.",
    ),
    "NO_NEW_VERSION": (
        "A meaning changed and the version did not.",
        "Raise 'version' and add an entry to 'changes'.",
    ),
    "NO_REASON": (
        "A new version has no reason or no approver.",
        "Add an entry to 'changes' with why and approved_by.",
    ),
    "STILL_CERTIFIED": (
        "A certified metric's meaning changed.",
        "Set status: review; `vitals governance certify` it again once somebody reviewed it.",
    ),
    "WRONG_STEP": (
        "A status changed in a way that there is none.",
        "Go by draft, review, certified, deprecated.",
    ),
    "NO_REVIEWER": (
        "A certified metric names nobody who reviewed it.",
        "Set reviewed_on and reviewed_by: `vitals governance certify METRIC --by PERSON`.",
    ),
    "NOT_AN_APPROVER": (
        "Somebody approved who does not answer for the metric.",
        "Ask the accountable person, the lead of the team or of one above, or a steward.",
    ),
    "INPUT_REFUSED": (
        "A metric is computed from one whose change is not approved.",
        "Have the input's change approved first.",
    ),
}

REFUSALS: Mapping[str, Refusal] = {
    code: Refusal(group, meaning, hint)
    for group, codes in {
        "Files": _FILES,
        "Keys and values": _SHAPES,
        "Names": _NAMES,
        "Meaning": _MEANING,
        "Expressions": _SQL,
        "Goals": _GOALS,
        "Queries": _QUERIES,
        "Changes": _CHANGES,
    }.items()
    for code, (meaning, hint) in codes.items()
}


def page() -> str:
    """docs/errors.md."""
    lines = [
        "# Errors",
        "",
        "Every refusal says where (file:line:column; in a query, its part and the item in it: `by:2:1`), its code,",
        "what was found, the way there (metric → part → part of the part), the nearest valid name and what to do:",
        "",
        "```text",
        "metrics/support.yml:18:50: UNKNOWN_COLUMN: there is no column 'resolvd_at' here "
        "[resolution_rate → numerator → filter]",
        "  Did you mean 'resolved_at'? Only declared columns and dimensions can be used.",
        "```",
        "",
        "All problems of a dictionary are told at once, in the order of the files. The linter's findings have codes of",
        "their own.",
    ]
    group = ""
    for code, refusal in REFUSALS.items():
        if refusal.group != group:
            group = refusal.group
            lines += ["", f"## {group}", "", "| code | meaning | what to do |", "|---|---|---|"]
        lines.append(f"| `{code}` | {refusal.meaning} | {refusal.hint.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"
