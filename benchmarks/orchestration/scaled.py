"""The shipped catalogue grown to any number of metrics: copies of its own metrics under new names.

A copy of a metric over one table computes what its original computes, as a total without segments: a thousand metrics'
work, on the memory of a small machine. What refers to metrics (targets, objectives, teams) stays with the originals.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

import definitions

SHIPPED = Path(definitions.__file__).parent / "catalogue"
COPIED = ("simple", "ratio")
KEPT_OUT = ("segments", "drives", "drivers", "guardrails", "replaced_by", "silences")


def scaled_catalogue(folder: Path, metrics: int) -> int:
    """Write the catalogue with at least `metrics` metrics into `folder`; returns how many there are."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    originals = [
        metric
        for path in sorted((folder / "metrics").glob("*.yml"))
        for metric in yaml.safe_load(path.read_text(encoding="utf-8"))["metrics"]
    ]
    total, number = len(originals), 0
    originals = [metric for metric in originals if metric["type"] in COPIED]
    while total < metrics:
        number += 1
        chosen = originals[: metrics - total]
        copies = [_copy(metric, number) for metric in chosen]
        (folder / "metrics" / f"copies_{number:03}.yml").write_text(
            yaml.safe_dump({"metrics": copies}, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        total += len(copies)
    return total


def _copy(metric: dict[str, Any], number: int) -> dict[str, Any]:
    kept = {name: value for name, value in metric.items() if name not in KEPT_OUT}
    if "changes" in kept:  # YAML 1.1 reads the key "on" as a truth value
        kept["changes"] = [
            {"on" if key is True else key: value for key, value in one.items()} for one in kept["changes"]
        ]
    if kept.get("level") == "north_star":  # there is one only
        kept["level"] = "supporting"
    return {**kept, "name": f"{metric['name']}_copy_{number}", "label": f"{metric['label']} ({number})"}
