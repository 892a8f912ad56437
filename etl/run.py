"""One run: sites → bundles → checks → warehouse → marts → snapshot.

Sites are asked at the same time and each fails alone. What they said is in the archive
before the warehouse is touched, and the warehouse is whole before the snapshot is: a
run that is killed anywhere leaves the old figures, and the next one finishes it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import polars as pl

from connectors import ConfigError
from etl import ledger
from etl.archive_place import archive_of
from etl.build import build
from etl.bundle import Archive, Bundle
from etl.catch_up import catch_up
from etl.collect import Collection, Mark, Step, Window
from etl.entry import fingerprint
from etl.ledger import Failure
from etl.machine import assert_later, disk_errors
from etl.network import Network, Site
from etl.publish import Edition, assert_publishable, latest, publish
from etl.published import with_library
from etl.rotation import remembering, sent_to
from etl.run_record import note_runs
from etl.settings_mistakes import did_you_mean
from etl.spool import sweep
from etl.store import Warehouse
from etl.withdrawal import let_in, register_of

# Most of a pull is waiting for other people's machines.
AT_ONCE: Final = 6
WHAT_IS_NEW: Final = Window()
Progress = Callable[[Step], None]


@dataclass(frozen=True)
class Counts:
    """What one site sent of one dataset: read = good + rejected, repeated in good."""

    site: str
    dataset: str
    records: int
    read: int
    good: int
    repeated: int
    rejected: int


@dataclass(frozen=True)
class RunResult:
    """What a run brought in, which sources did not answer, and what it published."""

    run: int
    snapshot: Path
    sites: tuple[str, ...]
    datasets: tuple[Counts, ...]
    failures: tuple[Failure, ...]


def data_folder(network: Path) -> Path:
    """Where everything is kept that a run makes, inside the network folder."""
    return network / "data"


def pull(
    network: Network,
    sites: Sequence[str] = (),
    window: Window = WHAT_IS_NEW,
    progress: Progress = lambda step: None,
    failures: Sequence[Failure] = (),
) -> RunResult:
    """Ask the sites (all, unless named), and publish what is known then.

    A site that sends for itself is not asked; what was received of it is built in.
    The published library goes along every time, through the same steps and unseen. A
    site that fails is noted and keeps what is known of it. `failures` are those of
    sites that could not even be asked, because their file has a mistake. ConfigError
    for a site that is not in the network; PocnetError while another run is writing.
    """
    chosen = _chosen(network, sites)
    data = data_folder(network.folder)
    archive, snapshots = archive_of(network), data / "snapshots"
    with disk_errors(data):
        whole = with_library(network)
        _finish(network, bool(failures))
    published = [s for slug, s in whole.sites.items() if slug not in network.sites]
    started = datetime.now(UTC)
    assert_publishable(snapshots)
    with disk_errors(data), Warehouse(data / "warehouse.duckdb") as warehouse:
        archive.sweep()
        sweep(data / "spool")
        catch_up(warehouse, archive, whole)
        _assert_later(started, chosen, warehouse)
        library = [s for s in published if not _as_it_stands(s, warehouse)]
        marks = register_of(archive).marks
        asked = (*chosen, *library)
        asking = [_collection(site, warehouse, window, marks) for site in asked]
        keep = _letting_in(archive, marks)
        said = _gather(asking, keep, _only(chosen, progress))
        # One message, however many datasets it kept from being read.
        found = [*failures, *dict.fromkeys(said)]
        with warehouse.run(started, after=latest(snapshots)) as run:
            found += build(warehouse, archive, whole, run, kept=bool(failures))
            warehouse.finish(run, found)
        note_runs(warehouse, archive)
        snapshot = publish(warehouse, edition(network), run, snapshots)
        counts = _counts(warehouse, run, network)
        archive.sweep()
    return RunResult(run, snapshot, tuple(s.slug for s in chosen), counts, tuple(found))


def _letting_in(
    archive: Archive, withdrawn: frozenset[str]
) -> Callable[[Bundle], None]:
    """Keeps a bundle without what its site has withdrawn."""

    def keep(bundle: Bundle) -> None:
        archive.put(let_in(bundle, withdrawn))

    return keep


def _finish(network: Network, kept: bool) -> None:
    """Do what a killed withdrawal left; that rebuilds, which is made of this module."""
    from etl.withdrawing import finish

    finish(network, kept=kept)


def _assert_later(
    started: datetime, asked: Sequence[Site], warehouse: Warehouse
) -> None:
    newest = warehouse.newest([site.slug for site in asked])
    assert_later(started, newest, "pull")


def _only(sites: Sequence[Site], progress: Progress) -> Progress:
    """The progress of these sites alone."""
    slugs = {site.slug for site in sites}
    return lambda step: progress(step) if step.site in slugs else None


def edition(network: Network) -> Edition:
    """What a snapshot of the network says of itself today."""
    rules = {
        "reporting": network.reporting.model_dump(mode="json"),
        "disclosure": network.disclosure.model_dump(mode="json"),
        "blinding": network.blinding.model_dump(mode="json"),
        "sign_off": network.sign_off and network.sign_off.model_dump(mode="json"),
        "checks": {each.rule: each.threshold for each in network.checks},
    }
    return Edition(network.name, network.today(), rules)


def _counts(warehouse: Warehouse, run: int, network: Network) -> tuple[Counts, ...]:
    """What the network's own sites sent; the library's counts are in the snapshot."""
    counted = warehouse.query(ledger.counts(warehouse.table)).filter(
        pl.col("run") == run, pl.col("site").is_in(list(network.sites))
    )
    rows = counted.drop("run", "arrived_at").sort("site", "dataset")
    return tuple(Counts(**row) for row in rows.iter_rows(named=True))


def _chosen(network: Network, sites: Sequence[str]) -> list[Site]:
    for slug in sites:
        if slug not in network.sites:
            hint = did_you_mean(slug, network.sites)
            raise ConfigError(f'There is no site "{slug}" in this network{hint}.')
        if network.sites[slug].agent:
            raise ConfigError(
                f"{slug} sends for itself, with `pocnet agent` at the site. What has "
                "been received is built in by a pull without --site."
            )
    asked = [s for s in network.sites.values() if s.agent is None]
    return [s for s in asked if not sites or s.slug in sites]


def _as_it_stands(site: Site, warehouse: Warehouse) -> bool:
    """Whether all that a published site says is in the warehouse already."""
    for dataset in {rules.name for rules in site.datasets}:
        entries = [rules for rules in site.datasets if rules.name == dataset]
        mark = _mark(site.slug, dataset, warehouse)
        if mark.mapping != fingerprint(site, entries):
            return False
    return True


def _collection(
    site: Site, warehouse: Warehouse, window: Window, withdrawn: frozenset[str]
) -> Collection:
    """The site, to be asked from where its last pull ended."""
    datasets = {rules.name for rules in site.datasets}
    marks = {name: _mark(site.slug, name, warehouse) for name in datasets}
    spool = warehouse.path.parent / "spool"
    known = remembering(site, lambda: sent_to(warehouse, site.slug), withdrawn)
    return Collection(known, marks, window, spool=spool)


def _mark(site: str, dataset: str, warehouse: Warehouse) -> Mark:
    last = warehouse.bundles(site, dataset).tail(1).to_dicts()
    if not last:
        return Mark("", ())
    ended = last[0]
    watermarks, compared = tuple(ended["watermarks"]), tuple(ended["compared"])
    return Mark(ended["mapping"], watermarks, compared)


@dataclass(frozen=True)
class _Done:
    """A site has been asked; `fault` is what no site can be blamed for."""

    collection: Collection
    fault: BaseException | None = None


def _gather(
    asking: Sequence[Collection],
    keep: Callable[[Bundle], None],
    progress: Progress,
) -> list[Failure]:
    """Ask all the sites, a few at a time, and put what they say in the archive.

    The threads are daemons: when the pull is interrupted, a site that is slow to
    answer cannot keep the process alive.
    """
    waiting, news = SimpleQueue[Collection](), SimpleQueue[Step | _Done]()
    stop = threading.Event()
    for collection in asking:
        waiting.put(collection)
    for _ in range(min(AT_ONCE, len(asking))):
        worker = threading.Thread(
            target=_work, args=(waiting, news, keep, stop), daemon=True
        )
        worker.start()
    try:
        return _heard(news, len(asking), progress)
    finally:
        stop.set()


def _work(
    waiting: "SimpleQueue[Collection]",
    news: "SimpleQueue[Step | _Done]",
    keep: Callable[[Bundle], None],
    stop: threading.Event,
) -> None:
    while not (stop.is_set() or waiting.empty()):
        try:
            collection = waiting.get_nowait()
        except Empty:
            return
        try:
            for bundle in collection.bundles(news.put, stop):
                keep(bundle)
            news.put(_Done(collection))
        except BaseException as fault:
            news.put(_Done(collection, fault))


def _heard(
    news: "SimpleQueue[Step | _Done]", sites: int, progress: Progress
) -> list[Failure]:
    failures: list[Failure] = []
    while sites:
        said = news.get()
        if isinstance(said, Step):
            progress(said)
            continue
        if said.fault:
            raise said.fault
        failures += said.collection.failures
        sites -= 1
    return failures
