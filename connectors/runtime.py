"""What the connectors ask of the world besides the network and the disk: time, sleep, chance.

All of it is injected, so that a test decides what time it is, how long a wait takes, and before which step of
input or output the process dies.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


def no_step(step: str) -> None:
    """The default of `Runtime.before_io`: nothing happens before a step."""


@dataclass(frozen=True)
class Runtime:
    """Clock, sleep and chance.

    Attributes:
        clock: the current instant, aware UTC.
        monotonic: seconds that only grow, for budgets.
        sleep: waits that many seconds.
        random: a number from [0, 1), for jitter.
        before_io: called with the name of each step of input or output just before it is taken:
            a request, a write, an fsync, a rename, a statement.
    """

    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    before_io: Callable[[str], None] = no_step
