"""What a monitoring system may ask: counts and times, on a port of its own.

Written for Prometheus. No label names a site, a viewer or an address: pages are told
by their templates. The port is opened on loopback unless another address is asked for
by name, and apart from the dashboard's, so that a proxy in front of that never shows
it.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors import ConfigError
from dashboard import queries
from dashboard.running import Outcome

# Where processes that answer side by side count together, said before they begin.
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LONG: Final = (10, 60, 300, 1800, 7200, 28800)


def answer(registry: CollectorRegistry, address: str) -> None:
    """Answer at `PORT` or `HOST:PORT` from a thread; ConfigError if that cannot be."""
    host, _, port = address.rpartition(":")
    try:
        start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"“{address}” is no place for metrics. Write a port, such as 9464."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"Metrics cannot be shown at {address}: {error.strerror}. Choose another "
            "port with --metrics."
        ) from None


def registry_of(folder: Path) -> CollectorRegistry:
    """A registry with what is true of a network folder and of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Snapshot(folder / "data" / "snapshots"))
    logging.getLogger().addHandler(_Counting(registry))
    return registry


@contextmanager
def together(folder: Path, address: str) -> Iterator[None]:
    """Answer for all the processes that are begun in the block, as if they were one.

    Each counts in files of one folder, which is gone afterwards. A process that dies
    leaves what it had counted; memory and CPU are told of none. ConfigError as of
    `answer`.
    """
    with TemporaryDirectory(prefix="pocnet-metrics-") as place:
        os.environ[SHARED] = place
        registry = CollectorRegistry()
        MultiProcessCollector(registry, place)  # type: ignore[no-untyped-call]
        registry.register(_Snapshot(folder / "data" / "snapshots"))
        answer(registry, address)
        yield


class _Counting(logging.Handler):
    """Counts what the log tells as errors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(logging.ERROR)
        said = "Faults of pocnet's own, each in the log with its reference."
        self._errors = Counter("pocnet_errors", said, registry=registry)

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self._errors.inc()


class _Snapshot(Collector):
    """What is shown now, looked up whenever it is asked for."""

    def __init__(self, snapshots: Path) -> None:
        self._snapshots = snapshots

    def describe(self) -> list[Metric]:
        """Nothing yet: a network need not have published when it is first watched."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One gauge a fact; only whether there is a snapshot while there is none."""
        try:
            standing = queries.standing(self._snapshots)
        except queries.NoSnapshotError:
            yield _gauge("pocnet_snapshot", "Whether a snapshot is shown.", 0)
            return
        age = (datetime.now(UTC) - standing.built).total_seconds()
        yield _gauge("pocnet_snapshot", "Whether a snapshot is shown.", 1)
        yield _gauge("pocnet_snapshot_run", "The run that made it.", standing.run)
        yield _gauge("pocnet_snapshot_age_seconds", "Since it was built.", age)
        rows = GaugeMetricFamily(
            "pocnet_rows", "Rows of the sites' last answers.", labels=["state"]
        )
        rows.add_metric(["good"], standing.good)
        rows.add_metric(["rejected"], standing.rejected)
        yield rows
        sites = GaugeMetricFamily(
            "pocnet_sites", "Sites by whether all answered last.", labels=["state"]
        )
        sites.add_metric(["answered"], standing.answered)
        sites.add_metric(["failed"], standing.failed)
        yield sites


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


class Pulls:
    """The pulls of `pocnet run`, counted."""

    def __init__(self, folder: Path) -> None:
        self.registry = registry_of(folder)
        self._runs = Counter(
            "pocnet_pulls", "Pulls by outcome.", ["outcome"], registry=self.registry
        )
        for outcome in ("complete", "partial", "failed", "configuration", "killed"):
            self._runs.labels(outcome)
        self._seconds = Histogram(
            "pocnet_pull_seconds",
            "How long pulls took.",
            buckets=_LONG,
            registry=self.registry,
        )
        self._last = Gauge(
            "pocnet_last_pull_timestamp_seconds",
            "When the last pull ended that published.",
            registry=self.registry,
        )
        self._next = Gauge(
            "pocnet_next_pull_timestamp_seconds",
            "When the next pull is due.",
            registry=self.registry,
        )

    def due(self, moment: datetime) -> None:
        """The next pull is due then."""
        self._next.set(moment.timestamp())

    def over(self, outcome: Outcome) -> None:
        """A pull has ended."""
        self._runs.labels(outcome.outcome).inc()
        self._seconds.observe(outcome.seconds)
        if outcome.run is not None:
            self._last.set(time.time())


class Visits:
    """The dashboard's answers, counted and timed by page template."""

    def __init__(self, folder: Path, template: Callable[[str], str]) -> None:
        self.registry = registry_of(folder)
        self._template = template
        self._seconds = Histogram(
            "pocnet_request_seconds",
            "Time to the end of an answer, by page.",
            ["page", "part"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def observe(self, scope: Scope, seconds: float) -> None:
        """One answer has been given."""
        self._seconds.labels(*self._place(scope)).observe(seconds)

    def _place(self, scope: Scope) -> tuple[str, str]:
        """The page, and which part of it: its frame, its figures, the API, or a file.

        The figures of a page are asked for at one address of Dash's; the page that
        asks is the one that the browser says it comes from.
        """
        path = str(scope["path"])
        if path.startswith("/api/"):
            return "/api", "api"
        if path.startswith(("/assets/", "/_dash-component-suites/")):
            return "/assets", "file"
        if path.startswith("/_dash"):
            referer = HTTPConnection(scope).headers.get("referer", "")
            return self._template(urlsplit(referer).path), "figures"
        return self._template(path), "frame"


class Timed:
    """Middleware that observes each answer from its first byte in to its last out."""

    def __init__(self, app: ASGIApp, visits: Visits) -> None:
        self._app, self._visits = app, visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how its answer ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._visits.observe(scope, time.perf_counter() - began)
