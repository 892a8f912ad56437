"""A withdrawal carried out in a whole network: its archive, and what is made of it.

First the withdrawal is recorded: from then on nothing of the batch is let in. Then the
archive forgets it (`etl.forgetting`). The warehouse goes last: as long as it was made
of a bundle that was replaced, the next run knows that there is work left, and does it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from connectors import ConfigError, PocnetError
from etl.archive_place import archive_of
from etl.forgetting import Held, forget
from etl.network import Network
from etl.pseudonym import PSEUDONYM, mark
from etl.rebuild import WAREHOUSE, Rebuilt, rebuild
from etl.run import data_folder
from etl.settings_mistakes import did_you_mean
from etl.store import Warehouse
from etl.withdrawal import Anew, Lifted, Withdrawal, note, register_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Named:
    """What is to be withdrawn: the pseudonyms, and orders that stay for others."""

    site: str
    pseudonyms: tuple[str, ...]
    shared_orders: int = 0

    @property
    def marks(self) -> tuple[str, ...]:
        """What the archive will keep of them."""
        return tuple(sorted(map(mark, self.pseudonyms)))


@dataclass(frozen=True)
class Outcome:
    """What a withdrawal took away, and the run whose snapshot no longer has it.

    `rebuilt` is None where nothing that was published had been made of it.
    """

    held: tuple[Held, ...]
    rebuilt: Rebuilt | None


def named_by(network: Network, site: str, pseudonym: str) -> Named:
    """What has to be forgotten with a batch, or with an order, of a site.

    An order goes with its batch, unless other batches were made for it; with an order
    go all its batches. ConfigError for an unknown site and for what is no pseudonym.
    """
    if site not in network.sites:
        hint = did_you_mean(site, network.sites)
        raise ConfigError(f'There is no site "{site}" in this network{hint}.')
    if not pl.Series([pseudonym]).str.contains(PSEUDONYM)[0]:
        raise ConfigError(
            "That is no pseudonym: one looks like k1-0123456789abcdef. At the site, "
            "`pocnet lookup` leads from pseudonyms to its own numbers."
        )
    path = data_folder(network.folder) / WAREHOUSE
    if not path.is_file():
        raise PocnetError(
            f"{path} is not there, so nobody knows which order the batch was made for. "
            "`pocnet build` makes it from the archive; then withdraw."
        )
    with Warehouse(path) as warehouse:
        return _named(warehouse, site, pseudonym)


def _named(warehouse: Warehouse, site: str, pseudonym: str) -> Named:
    pairs = warehouse.query(
        f"select distinct batch, order_key from {warehouse.table('batch')} "
        "where site = $site and length(order_key) > 1",
        {"site": site},
    )
    of_order = pairs.filter(order_key=pseudonym)["batch"].unique()
    if len(of_order):
        return Named(site, (pseudonym, *sorted(of_order)))
    orders = pairs.filter(batch=pseudonym)["order_key"].unique()
    others = pairs.filter(pl.col("batch") != pseudonym)["order_key"]
    alone = sorted(set(orders) - set(others))
    return Named(site, (pseudonym, *alone), len(orders) - len(alone))


def withdraw(
    network: Network,
    what: Named,
    reason: str,
    progress: Progress = lambda done, total: None,
    *,
    kept: bool = False,
) -> Outcome:
    """Forget batches and orders of a site, and let nothing of them in again.

    Withdrawn once, they stay so until it is lifted; doing it again finishes what may
    be left. `kept` is as in `rebuild`. PocnetError while another pocnet writes.
    """
    archive = archive_of(network)
    with Warehouse(data_folder(network.folder) / WAREHOUSE):
        if set(what.marks) - register_of(archive).marks:
            now = datetime.now(UTC)
            event = Withdrawal(at=now, site=what.site, reason=reason, marks=what.marks)
            note(archive, event)
        before = {*register_of(archive).replaced}
    rebuilt = finish(network, progress, kept=kept)
    replaced = register_of(archive).replaced
    done = [anew for old, anew in replaced.items() if old not in before]
    return Outcome(_by_dataset(done), rebuilt)


def lift(network: Network, what: Named, reason: str) -> bool:
    """Let batches in again that were withdrawn; False where they are not.

    What was taken away does not come back by itself: the site sends it again.
    """
    archive = archive_of(network)
    with Warehouse(data_folder(network.folder) / WAREHOUSE):
        register = register_of(archive)
        # What was withdrawn together, an order with its batch, comes back together.
        together = {
            mark
            for event in register.events
            if isinstance(event, Withdrawal) and {*event.marks} & {*what.marks}
            for mark in event.marks
        }
        marks = sorted(register.marks & together)
        if marks:
            now, of = datetime.now(UTC), tuple(marks)
            note(archive, Lifted(at=now, site=what.site, reason=reason, marks=of))
    return bool(marks)


def finish(
    network: Network,
    progress: Progress = lambda done, total: None,
    *,
    kept: bool = False,
) -> Rebuilt | None:
    """Do what a killed withdrawal left to be done, here or on another host.

    None where nothing is left, which costs a look at the register.
    """
    archive = archive_of(network)
    if not register_of(archive).events:
        return None
    with Warehouse(data_folder(network.folder) / WAREHOUSE) as warehouse:
        forget(archive, progress)
        replaced = register_of(archive).replaced
        stale = not warehouse.last_run() or warehouse.bundle_names() & replaced.keys()
    return rebuild(network, kept=kept) if stale else None


def _by_dataset(done: list[Anew]) -> tuple[Held, ...]:
    keys = sorted({(each.site, each.dataset) for each in done})
    return tuple(
        Held(*key, len(of), sum(each.rows for each in of))
        for key in keys
        for of in [[each for each in done if (each.site, each.dataset) == key]]
    )
