"""`vitals`: the command line. One file per subject; each command says what it did and what to do next.

Exit codes: 0 done; 1 something was found that needs a person (a failed check, a finding, a difference); 2 the
command was called wrongly; 3 the dictionary or a setting is broken; 4 a source refused; 5 a run failed and nothing
was published.
"""

from __future__ import annotations

from pipelines.cli.app import main

__all__ = ["main"]
