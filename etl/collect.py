"""The site half: one site's systems are asked, and bundles hold what they said.

This half needs the site's own settings and key and nothing of the network's, so that it
can run at the hub or behind a site's firewall.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from connectors import PocnetError, SourceError, open_keys, open_source
from etl.ahead import LateError, StoppedError, in_bulk
from etl.bundle import Bundle
from etl.entry import Entry, Start, bundle_of, fingerprint
from etl.identifiers import without_identifiers
from etl.ledger import Failure
from etl.network import Site
from etl.settings import DatasetRules
from etl.spool import Spool

# Deletions that a source does not tell are found by comparing keys so often.
WEEK: Final = timedelta(days=7)
# What one site may take of a pull; a daily pull has a day.
HOURS: Final = 2.0


@dataclass(frozen=True)
class Window:
    """What is asked for: what changed since an instant, everything, or what is new.

    With neither, each source is asked from where its last pull ended, and for
    everything where it has no such mark or its mapping has changed.
    """

    since: str | None = None
    full: bool = False


@dataclass(frozen=True)
class Mark:
    """Where the last pull of a dataset ended, entry by entry, under which mapping.

    `compared` is when all keys of each entry were last read.
    """

    mapping: str
    watermarks: tuple[str | None, ...]
    compared: tuple[datetime | None, ...] = ()


@dataclass(frozen=True)
class Step:
    """How far a site has come: entries read, of how many, and rows so far."""

    site: str
    done: int
    total: int
    rows: int


def _nobody(step: Step) -> None:
    """Nobody is looking."""


@dataclass
class Collection:
    """One site being asked, dataset by dataset; `failures` fills up meanwhile.

    `spool` is the folder for what is too much for memory and for what a break leaves
    to go on from; without one everything stays in memory. After `hours` the site is
    given up for this time.
    """

    site: Site
    marks: Mapping[str, Mark]
    window: Window
    failures: list[Failure] = field(default_factory=list)
    spool: Path | None = None
    hours: float = HOURS
    _rows: int = 0
    _done: int = 0
    _until: float = 0.0
    _progress: Callable[[Step], None] = _nobody
    _stop: threading.Event = field(default_factory=threading.Event)

    def bundles(
        self, progress: Callable[[Step], None], stop: threading.Event
    ) -> Iterator[Bundle]:
        """A bundle for each dataset whose every entry could be read.

        A dataset of which one entry failed is left out: half of it would look like
        a deletion of the other half. What is known of it stays. StoppedError soon
        after `stop` is set. A bundle is good until the next one is asked for.
        """
        self._progress, self._stop = progress, stop
        self._until = time.monotonic() + 3600 * self.hours
        for name in dict.fromkeys(rules.name for rules in self.site.datasets):
            rules = [each for each in self.site.datasets if each.name == name]
            mapping = fingerprint(self.site, rules)
            starts = self._starts(name, mapping, rules)
            numbered = enumerate(zip(rules, starts, strict=True))
            read = [self._read(r, s, mapping, n) for n, (r, s) in numbered]
            entries = [entry for entry in read if entry is not None]
            if len(entries) == len(read):
                yield bundle_of(self.site, name, mapping, entries)
                for entry in entries:
                    entry.spool.clear()

    def _starts(
        self, name: str, mapping: str, entries: Sequence[DatasetRules]
    ) -> list[Start]:
        mark = self.marks.get(name, Mark("", ()))
        if self.window.full or mark.mapping != mapping:
            return [Start(self._since) for _ in entries]
        compared = mark.compared or (None,) * len(entries)
        places = zip(entries, mark.watermarks, compared, strict=True)
        return [self._start(rules, since, then) for rules, since, then in places]

    @property
    def _since(self) -> str | None:
        return None if self.window.full else self.window.since

    def _start(
        self, rules: DatasetRules, watermark: str | None, compared: datetime | None
    ) -> Start:
        """From the mark on, and once a week with all the keys or with everything."""
        if self.window.since:
            return Start(self.window.since, compared)
        now = datetime.now(UTC)
        if watermark is None or (compared and now - compared < WEEK):
            return Start(watermark, compared)
        comparable = open_keys(self.site.sources[str(rules.source)]) is not None
        return Start(watermark if comparable else None, compared, comparable)

    def _read(
        self, rules: DatasetRules, start: Start, mapping: str, number: int
    ) -> Entry | None:
        """One entry, or None once its failure is noted."""
        source = str(rules.source)
        folder = f"{rules.name}-{number}"
        spool = Spool(self.spool and self.spool / self.site.slug / folder)
        try:
            if self._given_up(source):
                return None
            entry = Entry(self.site, rules, start, mapping, spool)
            self._fill(entry)
            if not self._comparable(entry):
                spool.clear()
                entry = Entry(self.site, rules, Start(), mapping, spool)
                self._fill(entry)
        except Exception as error:
            self._note(source, error)
            return None
        else:
            return entry
        finally:
            self._done += 1
            self._step()

    def _fill(self, entry: Entry) -> None:
        rules = entry.rules
        read = open_source(self.site.sources[str(rules.source)])

        asked = entry.asked
        try:
            for page in in_bulk(
                lambda: read(rules.extract, asked), self._until, self._stop
            ):
                self._rows += entry.add(page)
                self._step()
        except BaseException:
            entry.keep()
            raise

    def _comparable(self, entry: Entry) -> bool:
        """Have all keys listed where that is due; false if everything must be read.

        Where the list cannot be had what is new still counts, and the list stays due.
        """
        source = self.site.sources[str(entry.rules.source)]
        keys = open_keys(source) if entry.start.comparing else None
        try:
            listed = keys and self._in_time(keys(entry.rules.extract))
            return listed is None or entry.compare(listed)
        except Exception as error:
            self._note(source.name, error)
            return True

    def _in_time(self, keys: Iterator[pl.Series]) -> Iterator[pl.Series]:
        for refs in keys:
            if self._stop.is_set():
                raise StoppedError
            if time.monotonic() > self._until:
                raise LateError
            yield refs

    def _note(self, source: str, error: Exception) -> None:
        if isinstance(error, StoppedError):
            raise error
        if isinstance(error, LateError):
            self._fail(source, _late(self.hours))
        elif isinstance(error, SourceError):
            self._fail(source, error.message)
        elif isinstance(error, PocnetError):
            self._fail(source, str(error))
        else:
            self._fail(source, _fault(error))

    def _given_up(self, source: str) -> bool:
        """Whether the source said the same twice: it is down, and asking again is slow.

        One failure may be one bad file among good ones.
        """
        said = [f.message for f in self.failures if f.source == source]
        return len(said) != len(set(said))

    def _fail(self, source: str, message: str) -> None:
        said = without_identifiers(message)
        self.failures.append(Failure(self.site.slug, source, said))

    def _step(self) -> None:
        total = len(self.site.datasets)
        self._progress(Step(self.site.slug, self._done, total, self._rows))


def _late(hours: float) -> str:
    return (
        f"had not said everything after {hours:g} hours and was given up for this "
        "time; the other sites went on. Where the source can go on from the middle, "
        "the next pull does. Ask the site what slows it down."
    )


def _fault(error: Exception) -> str:
    """A fault of ours, with the place in our code but without any value of the data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return (
        f"pocnet itself failed here ({type(error).__name__} in {place}); the other "
        "sites go on. Please report this line."
    )
