"""What readers of a folder see, and how one run takes the place of another."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from dashboard.queries.turns import HOLD, STANDS_IN, Run, turn
from dashboard.queries.urgent import taken_back, urgent

if TYPE_CHECKING:
    from dashboard.queries.snapshot import Snapshot

# A process serves one network, and may be asked for another's earlier files.
_FOLDERS = 4
Marks = tuple[str, str]


@dataclass
class Shown:
    """The snapshot that readers see, and the one that was published before it.

    One that `waits` for its turn is looked at again at `until`. `before` are the marks
    of what was shown before, and until when pages made from it may stand in for those
    that are still to be made.
    """

    snapshot: "Snapshot"
    earlier: "Snapshot | None"
    before: Mapping[Marks, float]
    waits: Path | None = None
    until: float = 0.0

    @property
    def marks(self) -> Marks:
        """The marks of both files, from which all that is shown is made."""
        return self.snapshot.mark, self.earlier.mark if self.earlier else ""

    def standing_in(self, now: float) -> tuple[Marks, ...]:
        """The marks of what was shown before and may still stand in."""
        return tuple(marks for marks, until in self.before.items() if now < until)


class Changing:
    """The one place that decides which file is shown; safe for several threads.

    Runs take turns where many readers are served (`take_turns`); whoever asks else is
    always shown the newest. The earlier file is opened together with the one that is
    shown, because it may be gone from its folder before that is.
    """

    def __init__(self, opened: "Callable[[Path], Snapshot]") -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._shown: dict[Path, Shown] = {}
        self._in_turns = False

    def take_turns(self) -> None:
        """From now on a run that follows another closely waits for its turn."""
        self._in_turns = True

    def shown(self, current: Path, now: float) -> Shown:
        """What is shown at `now` of a folder whose newest file is `current`."""
        with self._lock:
            shown = self._shown.get(current.parent)
            if shown is None:
                return self._change(None, self._opened(current), now)
            last = shown.snapshot.path
            if current == last or (current == shown.waits and now < shown.until):
                return shown
            return self._next(shown, current, now)

    def before(self, now: "Snapshot") -> "Snapshot | None":
        """The file that was published before; None where none can be read."""
        shown = self._shown.get(now.path.parent)
        if shown is not None and shown.snapshot is now:
            return shown.earlier
        return self._earlier(now)

    def forget(self) -> None:
        """Show whatever is the newest when somebody asks again."""
        with self._lock:
            self._shown.clear()

    def _next(self, shown: Shown, current: Path, now: float) -> Shown:
        last, new = shown.snapshot, self._opened(current)
        due = self._due(last, new, now) if self._in_turns else new
        if due is not new and any(urgent(each, new) for each in {last, due}):
            due = new
        if due is not last:
            return self._change(shown, due, now)
        shown.waits, shown.until = current, (now // HOLD + 1) * HOLD
        return shown

    def _due(self, last: "Snapshot", new: "Snapshot", now: float) -> "Snapshot":
        """The one whose turn it is; the newest where that was just taken away."""
        runs = _runs_beside(new)
        shown = Run(last.path, last.published)
        path = turn(runs, shown, _run(new.path), now).path
        if path == last.path:
            # It stays open when its file is gone from its folder.
            return last
        return self._readable(path) or new

    def _change(self, shown: Shown | None, new: "Snapshot", now: float) -> Shown:
        """Show this snapshot from now on."""
        folder = new.path.parent
        before: dict[Marks, float] = {}
        if shown is not None and not urgent(shown.snapshot, new):
            before = {m: until for m, until in shown.before.items() if now < until}
            before[shown.marks] = now + STANDS_IN
        self._shown.pop(folder, None)
        self._shown[folder] = Shown(new, self._earlier(new), before)
        for other in list(self._shown)[:-_FOLDERS]:
            del self._shown[other]
        return self._shown[folder]

    def _earlier(self, now: "Snapshot") -> "Snapshot | None":
        number = _run(now.path).number
        earlier = [run for run in _runs_beside(now) if 0 < run.number < number]
        newest = max(earlier, key=lambda run: run.number, default=None)
        before = self._readable(newest.path) if newest else None
        # What was said before of what is withdrawn is no news.
        return None if before is None or taken_back(before, now) else before

    def _readable(self, path: Path) -> "Snapshot | None":
        """The file at `path`; None where it was taken away or cannot be read."""
        try:
            return self._opened(path)
        except (LookupError, duckdb.Error, OSError):
            return None


def _runs_beside(snapshot: "Snapshot") -> list[Run]:
    """All that lie in its folder, in no order."""
    return [_run(each) for each in snapshot.path.parent.glob("*.duckdb")]


def _run(path: Path) -> Run:
    """A file as a run; one that is just being taken away was published long ago."""
    try:
        return Run(path, path.stat().st_mtime)
    except FileNotFoundError:
        return Run(path, 0.0)
