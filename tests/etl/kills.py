"""Pulls and builds that are killed at a moment drawn by lot, and what is left of them.

The work is done by children of one process that has everything imported already
(`worker`): each is a fork of it, is killed by SIGKILL from outside like any process,
and costs no second of imports. So the moments fall into the work itself.
"""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import duckdb
import polars as pl

from etl.network import Network
from tests.etl.drops import BATCHES, ENVIRON, RELEASES, SITE, drop, write_network

ROOT: Final = Path(__file__).parents[2]
SITES: Final = ("alpha", "beta")
IN_A_ROW: Final = 5
Work = Literal["pull", "build", "migrate"]
# What depends on the clock, or on how many runs were begun, and on nothing else. The
# name of a bundle is a hash over the moment at which it was extracted.
CLOCK: Final = {"started_at", "finished_at", "extracted_at", "received_at", "bundle"}
RUNS: Final = {"opened_run", "closed_run"}

DATABASE: Final = """
drop table if exists lots;
create table lots (Batch text primary key, Start, Harvest, "End", Path, at);
insert into lots values
    ('d-1', '03/08/2026', '13/08/2026', '01/09/2026', 'EC', '2026-11-01T00:00:00Z'),
    ('d-2', '10/09/2026', '20/09/2026', null, 'HE', '2026-11-02T00:00:00Z'),
    ('d-3', '32/10/2026', null, null, 'HE', '2026-11-03T00:00:00Z');
"""
MORE: Final = """
update lots set Harvest = '21/09/2026', at = '2026-11-10T00:00:00Z'
    where Batch = 'd-2';
insert into lots values
    ('d-4', '01/11/2026', null, null, 'EC', '2026-11-11T00:00:00Z');
"""


def made(folder: Path) -> Path:
    """A network of two sites that leave files and one that has a database."""
    write_network(folder, SITES)
    for slug in SITES:
        _settings(
            folder, slug, SITE.format(slug=slug), '[[dataset]]\nname = "declared"'
        )
    _database(folder, DATABASE)
    settings = SITE.format(slug="delta")
    for old, new in (
        ('kind = "files"', 'kind = "sql"'),
        ('folder = "../drops/delta"', 'file = "../drops/delta.sqlite"'),
        ('"batches*.csv"', '"lots"\nread = { key = "Batch", modified = "at" }'),
    ):
        assert old in settings
        settings = settings.replace(old, new)
    _settings(folder, "delta", settings, '[[dataset]]\nname = "release"')
    return folder


def _settings(folder: Path, slug: str, text: str, end: str) -> None:
    """The site's file up to a line: each dataset more makes every run longer."""
    (folder / "sites" / f"{slug}.toml").write_text(text[: text.index(end)])


def changed(folder: Path) -> Path:
    """The same, after each site has said otherwise: one dataset of each is another."""
    alpha = BATCHES.format(slug="alpha")
    corrected = alpha.replace("13/08/2026", "14/08/2026").replace("32/10", "30/10")
    more = corrected + "alpha-005,01/11/2026,,,EC\nalpha-006,31/11/2026,,,EC\n"
    drop(folder, "alpha", {"batches.csv": more})
    taken_back = RELEASES.format(slug="beta").splitlines()[:2]
    drop(folder, "beta", {"releases.csv": "\n".join(taken_back)})
    _database(folder, MORE)
    return folder


def _database(folder: Path, statements: str) -> None:
    path = folder / "drops" / "delta.sqlite"
    with closing(sqlite3.connect(path)) as base, base:
        base.executescript(statements)


def dumped(folder: Path) -> Mapping[str, str]:
    """A hash of each table of the warehouse: every row, in order, less the clock.

    Runs are numbered by their order among those that changed anything: a run that was
    killed after its end leaves a number, and no other trace. How often a site was asked
    is no content; but every bundle that anybody kept must be among those applied.
    """
    with duckdb.connect(folder / "data" / "warehouse.duckdb") as connection:
        connection.execute("set timezone = 'UTC'")
        tables = [n for (n,) in connection.sql("show tables").fetchall()]
        held = {name: connection.sql(f'from "{name}"').pl() for name in tables}
    kept = {path.stem for path in _manifests(folder)}
    assert {*held.pop("bundle")["bundle"]} == kept, "not all that was kept is told"
    held.pop("run")
    used = {
        run
        for frame in held.values()
        for name in RUNS & {*frame.columns}
        for run in frame[name].drop_nulls()
    }
    order = {run: place for place, run in enumerate(sorted(used))}
    return {
        name: _hash(
            frame.drop(CLOCK & {*frame.columns}).with_columns(
                frame[run].replace_strict(order, default=None)
                for run in sorted(RUNS & {*frame.columns})
            )
        )
        for name, frame in held.items()
    }


def _hash(frame: pl.DataFrame) -> str:
    lines = sorted(repr(row) for row in frame.rows())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _manifests(folder: Path) -> list[Path]:
    return [*(folder / "data" / "archive" / "manifests").rglob("*.json")]


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python ARGUMENTS` with pipes, ended with its block."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@dataclass
class Killer:
    """Has work done by the worker, and kills it."""

    worker: subprocess.Popen[str]

    def whole(self, work: Work, folder: Path) -> float:
        """How many seconds the work takes that nobody disturbs."""
        started = time.monotonic()
        self._begin(work, folder)
        assert self._said() == "exit 0"
        return time.monotonic() - started

    def killed(self, work: Work, folder: Path, seconds: float) -> bool:
        """Kill the work after some seconds; whether it was still going on then."""
        process_id = self._begin(work, folder)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGKILL)
        said = self._said()
        assert said in ("exit 0", "signal 9"), said
        return said == "signal 9"

    def _begin(self, work: Work, folder: Path) -> int:
        assert self.worker.stdin
        self.worker.stdin.write(f"{work} {folder}\n")
        self.worker.stdin.flush()
        return int(self._said())

    def _said(self) -> str:
        assert self.worker.stdout
        return self.worker.stdout.readline().strip()


@dataclass
class Series:
    """Kills of the same folder, which is one run old and has more to be pulled.

    A round is some kills one after the other, each on what the last one left, and then
    a pull that nobody disturbs. `now` is a link to the folder at which it happens, for
    whoever watches; `hit` counts how far the work had come, by what lay on the disk.
    `told` hears of each round.
    """

    place: Path
    killer: Killer
    chance: random.Random
    told: Callable[[str], object] = lambda said: None
    hit: Counter[str] = field(default_factory=Counter)
    unlike: list[str] = field(default_factory=list)
    takes: dict[Work, float] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> Path:
        """The link to where it happens."""
        return self.place / "now"

    def begin(self) -> tuple[Path, Path]:
        """The folder as every round finds it, and as a pull leaves it undisturbed."""
        before = made(self.place / "before")
        self.killer.whole("pull", before)
        changed(before)
        after = copied(before, self.place / "after")
        self.takes["pull"] = self.killer.whole("pull", after)
        self.expected = dumped(after)
        built = copied(after, self.place / "built")
        self.takes["build"] = self.killer.whole("build", built)
        assert dumped(built) == self.expected
        _point(self.now, before)
        return before, after

    def go(self, kills: int) -> None:
        """Rounds until so much work was killed while it was going on."""
        number = 0
        while sum(self.hit.values()) < kills:
            self._round(copied(self.place / "before", self.place / f"round-{number}"))
            shutil.rmtree(self.place / f"round-{number - 2}", ignore_errors=True)
            number += 1
            self.told(f"{sum(self.hit.values())} killed, unlike: {self.unlike}")
            assert number < kills, "most kills came too late"

    def _round(self, folder: Path) -> None:
        _point(self.now, folder)
        for _ in range(IN_A_ROW):
            self._kill(self.chance.choice(("pull", "pull", "pull", "build")), folder)
        self.takes["pull"] = self.killer.whole("pull", folder)
        found = dumped(folder)
        if found != self.expected:
            names = [t for t in found if found[t] != self.expected.get(t)]
            self.unlike.append(f"{folder.name}: {names}")

    def _kill(self, work: Work, folder: Path) -> None:
        before = _progress(folder)
        moment = self.chance.uniform(0, self.takes[work])
        if self.killer.killed(work, folder, moment):
            self.hit[f"{work}, {_stage(before, _progress(folder))}"] += 1


def _progress(folder: Path) -> tuple[Path, int, bool, bool, bool]:
    """What shows how far work has come: published, archived, stored, being made."""
    data = folder / "data"
    return (
        (data / "snapshots" / "current").readlink(),
        len(_manifests(folder)),
        (data / "warehouse.duckdb.wal").exists() or (data / "checked").exists(),
        (data / "rebuilt").exists(),
        bool([*(data / "snapshots").glob("*.part*")]),
    )


def _stage(
    before: tuple[Path, int, bool, bool, bool],
    after: tuple[Path, int, bool, bool, bool],
) -> str:
    """The last thing that a kill let happen."""
    if after[0] != before[0]:
        return "just published"
    if after[4]:
        return "publishing"
    if after[2] or after[3]:
        return "storing"
    return "archiving" if after[1] > before[1] else "asking"


def copied(folder: Path, target: Path) -> Path:
    """A copy of a network folder, times and links included."""
    return Path(shutil.copytree(folder, target, symlinks=True))


def _point(link: Path, target: Path) -> None:
    link.with_suffix(".next").symlink_to(target)
    os.replace(link.with_suffix(".next"), link)


def worker() -> None:
    """Do each work that stdin names in a child; say its number, then its end."""
    from connectors import _drop
    from etl.migration import migrate
    from etl.network import load_network
    from etl.rebuild import rebuild
    from etl.run import pull

    _drop.QUIET = 0.0
    works: Mapping[str, Callable[[Network], object]] = {
        "pull": pull, "build": rebuild, "migrate": migrate,
    }  # fmt: skip
    for line in sys.stdin:
        work, folder = line.split()
        child = os.fork()
        if child == 0:
            works[work](load_network(Path(folder), os.environ))
            os._exit(0)
        _say(str(child))
        _, status = os.waitpid(child, 0)
        how = "signal" if os.WIFSIGNALED(status) else "exit"
        code = os.WTERMSIG(status) if how == "signal" else os.WEXITSTATUS(status)
        _say(f"{how} {code}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    worker()
