"""What was read of one entry so far: in memory while it is little, else on the disk.

A site may be larger than memory, and a line may break after hours. What has passed the
gate is laid down as Parquet parts, and beside them, in `state.json`, how far reading
had come by then. Parts that the state does not count are litter of a killed pull.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from etl.contract.version import CONTRACT, FIRST
from etl.shelf import sync

# Rows of one entry that are kept in memory: what most sites have in all.
IN_MEMORY: Final = 65_536
# A read that takes longer than this says two things that never were at one time.
OLDEST: Final = timedelta(days=1)
# A source that does not go on from there so often never will.
TRIES: Final = 3
_STATE: Final = "state.json"


class State(BaseModel):
    """How far the reading of an entry had come when it was last laid down.

    `contract`, `since` and `mapping` are those of the whole read: with others it is
    another read.
    `resume` is sealed, because a source's own text may name a record. `parts` counts
    the files of each table; `tries` is how often it went on from here in vain.
    """

    model_config = ConfigDict(extra="forbid")

    contract: str = FIRST
    mapping: str
    since: str | None
    began: datetime
    resume: str
    watermark: str | None
    records: int
    read: int
    gone: int
    parts: dict[str, int]
    tries: int = 0

    @property
    def too_old(self) -> bool:
        """Whether it is to be begun anew; also where the clock went back."""
        return not timedelta() <= datetime.now(UTC) - self.began < OLDEST


class Spool:
    """The tables of one entry, each a row of frames; only its reader touches it.

    Without a folder everything stays in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._fresh: dict[str, list[pl.DataFrame]] = {}
        self._parts: dict[str, int] = {}

    def add(self, table: str, frame: pl.DataFrame) -> None:
        """Take in rows of a table."""
        if frame.height:
            self._fresh.setdefault(table, []).append(frame)

    def table(self, name: str) -> pl.LazyFrame | None:
        """All the rows of a table in the order in which they came, None for none."""
        parts = [pl.scan_parquet(path, glob=False) for path in self._paths(name)]
        fresh = [frame.lazy() for frame in self._fresh.get(name, [])]
        if not parts and not fresh:
            return None
        return pl.concat([*parts, *fresh], how="diagonal")

    def settle(self) -> bool:
        """Lay down what has become too much for memory; whether anything was."""
        heights = (f.height for frames in self._fresh.values() for f in frames)
        if self.folder is None or sum(heights) < IN_MEMORY:
            return False
        self._lay_down()
        return True

    def save(self, state: State) -> None:
        """Lay down everything, then how far reading has come."""
        if self.folder is None:
            return
        self._lay_down()
        self._write(state.model_copy(update={"parts": self._parts}))

    def load(self, mapping: str, since: str | None) -> State | None:
        """Where the same read broke off, its rows being there again; else all empty."""
        state = self._state()
        asked = CONTRACT, mapping, since
        fits = state and (state.contract, state.mapping, state.since) == asked
        if not (state and fits) or state.too_old or state.tries >= TRIES:
            self.clear()
            return None
        self._write(state.model_copy(update={"tries": state.tries + 1}))
        self._parts, self._fresh = dict(state.parts), {}
        return state

    def clear(self) -> None:
        """Forget everything."""
        self._parts, self._fresh = {}, {}
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _state(self) -> State | None:
        if self.folder is None:
            return None
        try:
            return State.model_validate_json((self.folder / _STATE).read_bytes())
        except (OSError, ValidationError):
            return None

    def _lay_down(self) -> None:
        assert self.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, frames in self._fresh.items():
            path = self._path(name, self._parts.get(name, 0))
            whole = pl.concat(frames, how="diagonal")
            whole.write_parquet(path, compression="lz4")
            sync(path)
            self._parts[name] = self._parts.get(name, 0) + 1
        self._fresh = {}

    def _write(self, state: State) -> None:
        assert self.folder
        temporary = self.folder / f"{_STATE}.part"
        temporary.write_text(state.model_dump_json())
        sync(temporary)
        temporary.rename(self.folder / _STATE)

    def _paths(self, name: str) -> list[Path]:
        return [self._path(name, n) for n in range(self._parts.get(name, 0))]

    def _path(self, name: str, number: int) -> Path:
        assert self.folder
        return self.folder / f"{name}-{number:05}.parquet"


def sweep(spool: Path) -> None:
    """Remove what no pull can go on from; only the writer calls this.

    `spool` has a folder a site, and in it one an entry.
    """
    for folder in spool.glob("*/*"):
        state = Spool(folder)._state()
        if state is None or state.too_old:
            shutil.rmtree(folder, ignore_errors=True)
