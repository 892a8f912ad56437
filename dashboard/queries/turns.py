"""When a published run is shown: at once, or together with those that follow closely.

Whoever reads has no use for each of many runs in a row, and each costs every reader's
pages. So a run that follows another within HOLD is shown when the clock next reaches a
multiple of HOLD: all processes that serve tell that moment from the files alone, and
so change over at the same time. One that follows at leisure is shown at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Seconds.
HOLD: Final = 300
# How long, in seconds, a page of the run before may stand in for one being made anew,
# as stale-while-revalidate does (RFC 5861).
STANDS_IN: Final = 120


@dataclass(frozen=True)
class Run:
    """A published file, and when it was published, in seconds since 1970."""

    path: Path
    at: float

    @property
    def number(self) -> int:
        """The run that made it; 0 for a file that is called otherwise."""
        return int(self.path.stem) if self.path.stem.isdigit() else 0


def turn(runs: Sequence[Run], shown: Run, current: Run, now: float) -> Run:
    """The run to be shown at `now`: the newest of `runs` whose moment has come.

    Never one before the `shown`, unless the `current` one is: an earlier run that was
    brought back is shown at once. `runs` are all that lie there, in any order.
    """
    if current.number <= shown.number:
        return current
    found = before = shown
    for run in sorted(runs, key=lambda run: run.number):
        if shown.number < run.number <= current.number and moment(run, before) <= now:
            found = run
        before = run
    return found


def moment(run: Run, before: Run) -> float:
    """When a run is shown that was published after another one.

    At once, too, where the clock was set back between the two.
    """
    if not 0 <= run.at - before.at < HOLD:
        return 0.0
    return -(-run.at // HOLD) * HOLD
