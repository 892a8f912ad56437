"""The site half: one site's systems are asked, and bundles hold what they said.

This half needs the site's own settings and key and nothing of the network's, so that it
can run at the hub or behind a site's firewall.
"""

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors import PocnetError, SourceError, open_source
from etl.bundle import Bundle
from etl.entry import Entry, bundle_of, fingerprint
from etl.ledger import Failure
from etl.network import Site
from etl.settings import DatasetRules


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
    """Where the last pull of a dataset ended, entry by entry, under which mapping."""

    mapping: str
    watermarks: tuple[str | None, ...]


@dataclass(frozen=True)
class Step:
    """How far a site has come: entries read, of how many, and rows so far."""

    site: str
    done: int
    total: int
    rows: int


class StoppedError(PocnetError):
    """The pull was interrupted between two pages."""


def _nobody(step: Step) -> None:
    """Nobody is looking."""


@dataclass
class Collection:
    """One site being asked, dataset by dataset; `failures` fills up meanwhile."""

    site: Site
    marks: Mapping[str, Mark]
    window: Window
    failures: list[Failure] = field(default_factory=list)
    _rows: int = 0
    _done: int = 0
    _progress: Callable[[Step], None] = _nobody
    _stop: threading.Event = field(default_factory=threading.Event)

    def bundles(
        self, progress: Callable[[Step], None], stop: threading.Event
    ) -> Iterator[Bundle]:
        """A bundle for each dataset whose every entry could be read.

        A dataset of which one entry failed is left out: half of it would look like
        a deletion of the other half. What is known of it stays. StoppedError between
        two pages once `stop` is set.
        """
        self._progress, self._stop = progress, stop
        for name in dict.fromkeys(rules.name for rules in self.site.datasets):
            rules = [each for each in self.site.datasets if each.name == name]
            mapping = fingerprint(self.site, rules)
            starts = self._starts(name, mapping, len(rules))
            read = [self._read(r, s) for r, s in zip(rules, starts, strict=True)]
            entries = [entry for entry in read if entry is not None]
            if len(entries) == len(read):
                yield bundle_of(self.site, name, mapping, entries)

    def _starts(self, name: str, mapping: str, entries: int) -> list[str | None]:
        if self.window.full or self.window.since:
            return [self.window.since] * entries
        mark = self.marks.get(name, Mark("", ()))
        if mark.mapping != mapping or len(mark.watermarks) != entries:
            return [None] * entries
        return list(mark.watermarks)

    def _read(self, rules: DatasetRules, since: str | None) -> Entry | None:
        """One entry, or None once its failure is noted."""
        source = str(rules.source)
        try:
            return None if self._given_up(source) else self._entry(rules, since)
        except StoppedError:
            raise
        except SourceError as error:
            self._fail(source, error.message)
        except PocnetError as error:
            self._fail(source, str(error))
        except Exception as error:
            self._fail(source, _fault(error))
        finally:
            self._done += 1
            self._step()
        return None

    def _entry(self, rules: DatasetRules, since: str | None) -> Entry:
        entry = Entry(self.site, rules, since)
        read = open_source(self.site.sources[str(rules.source)])
        for page in read(rules.extract, since):
            if self._stop.is_set():
                raise StoppedError
            self._rows += entry.add(page)
            self._step()
        return entry

    def _given_up(self, source: str) -> bool:
        """Whether the source said the same twice: it is down, and asking again is slow.

        One failure may be one bad file among good ones.
        """
        said = [f.message for f in self.failures if f.source == source]
        return len(said) != len(set(said))

    def _fail(self, source: str, message: str) -> None:
        self.failures.append(Failure(self.site.slug, source, message))

    def _step(self) -> None:
        total = len(self.site.datasets)
        self._progress(Step(self.site.slug, self._done, total, self._rows))


def _fault(error: Exception) -> str:
    """A fault of ours, with the place in our code but without any value of the data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return (
        f"pocnet itself failed here ({type(error).__name__} in {place}); the other "
        "sites go on. Please report this line."
    )
