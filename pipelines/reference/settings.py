"""The reference of all settings, from the registry."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic.fields import FieldInfo

from definitions.settings import Section, Settings
from pipelines.reference.markdown import sentence, table

HEAD = """# Settings

Every threshold of the product is in one registry, with its unit and where it comes from. `settings.yml` in the
catalogue overrides a default:

```yaml
detection:
  point_alarm: 4
quality:
  sample_size: 10
```

An unknown key is an error. `vitals backtest METRIC --set detection.point_alarm=4` shows what a setting would have
flagged in the last year before you change it. This page is written from the code.
"""


def settings_page() -> str:
    """One table for each section."""
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if not (inspect.isclass(section) and issubclass(section, Section)):
            raise TypeError(f"{name} is no section of settings")
        rows = [
            (f"`{key}`", _default(entry), sentence(entry.description or ""))
            for key, entry in section.model_fields.items()
        ]
        parts.append(f"## {name}\n\n{sentence(inspect.getdoc(section) or '')}\n")
        parts.append(table(("key", "default", "meaning"), rows))
    return "\n".join(parts)


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"`{key}: {entry}`" for key, entry in value.items())
    if isinstance(value, tuple | frozenset):
        return ", ".join(f"`{entry}`" for entry in value)
    return f"`{value}`"
