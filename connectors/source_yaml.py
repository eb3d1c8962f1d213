"""Reading the YAML of a source: plain values only, each key once, no aliases, and every refusal with its line.

An alias can make a page of text grow into gigabytes, and of two equal keys YAML keeps one in silence; neither is needed
to describe a source. Source: fault rules, 26.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import ConfigurationError

LARGEST_FILE = 1 << 20


class _Refused(yaml.MarkedYAMLError):
    """Something that YAML allows and a source does not."""


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases, merge keys and duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _Refused(problem=f"alias *{event.anchor}: write it out", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            mark = key_node.start_mark
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _Refused(problem="a merge key (<<): write it out", problem_mark=mark)
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _Refused(problem="a key that is no plain value", problem_mark=mark)
            if key in seen:
                problem = f"key {key!r} is there twice, first in line {seen[key]}"
                raise _Refused(problem=problem, problem_mark=mark)
            seen[key] = mark.line + 1
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> object:
    """The content of a file.

    Raises:
        ConfigurationError: it cannot be read, or holds what a source must not; names the file and the line.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigurationError(
                "the file is larger than 1 MiB", place=str(path), hint="a source is a page"
            )
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  (a safe loader)
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror})", place=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8 text", place=str(path), hint="save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        said = getattr(error, "problem", None) or str(error)
        problem = said if isinstance(error, _Refused) else f"is no YAML ({said})"
        raise ConfigurationError(problem, place=line) from None
    except RecursionError:
        raise ConfigurationError("is nested too deep", place=str(path), hint="a source is a page") from None
