"""The hub half: what lies in the archive becomes what stands in the warehouse.

The archive may hold more than this run brought: a run that was killed after a bundle
was kept leaves it here, and hands or other machines may bring bundles late.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import polars as pl

from connectors import PocnetError
from etl.bundle import Archive, Manifest
from etl.check import check
from etl.contract.schemas import SCHEMAS
from etl.fold import Landed
from etl.forgetting import screen
from etl.ledger import Failure
from etl.network import Network
from etl.report import report
from etl.store import Warehouse


def build(
    warehouse: Warehouse, archive: Archive, network: Network, run: int, *, kept: bool
) -> list[Failure]:
    """Bring every new bundle into the warehouse; gives what is odd about them.

    `kept` says that some sites' files could not be read, so that a site that is
    missing from the network is not taken for one that left it.
    """
    odd: list[Failure] = []
    hub = {"site": site_rows(network), "product": product_rows(network)}
    for dataset, rows in hub.items():
        warehouse.write(run, dataset, rows, complete=not kept)
    applied = warehouse.bundle_names()
    new = [pair for pair in archive.names() if pair[1] not in applied]
    new = screen(archive, new)
    odd += bring(warehouse, archive, network, run, new)
    owed = report(warehouse, network)
    warehouse.write(run, "report", owed, complete=not kept)
    return odd


def bring(
    warehouse: Warehouse,
    archive: Archive,
    network: Network,
    run: int,
    bundles: Iterable[tuple[str, str]],
) -> list[Failure]:
    """Lay bundles, by site and name, over what is known; gives what is odd of them."""
    odd: list[Failure] = []
    new = [archive.manifest(site, name) for site, name in bundles]
    new.sort(key=lambda m: (m.site, m.dataset, m.rank))
    for _, group in groupby(new, key=lambda m: (m.site, m.dataset)):
        odd += _land(warehouse, archive, network, run, list(group))
    return odd


def _land(
    warehouse: Warehouse,
    archive: Archive,
    network: Network,
    run: int,
    new: Sequence[Manifest],
) -> list[Failure]:
    """Check the new bundles of one sender and dataset, and lay them over the rest."""
    site, dataset = new[0].site, new[0].dataset
    known = warehouse.standing(site, dataset)
    earlier = _overtaken(warehouse, archive, new)
    arrivals = [check(archive.load(each), network) for each in (*earlier, *new)]
    landed = warehouse.land(run, arrivals, whole=bool(earlier))
    brought = [each for each in landed if each.manifest in new]
    for each in brought:
        _assert_nothing_vanished(each)
    return [odd for each in brought if known for odd in _oddities(each, known)]


def _assert_nothing_vanished(landed: Landed) -> None:
    manifest = landed.manifest
    if manifest.read != landed.good_rows + landed.rejected:
        raise PocnetError(
            f"Of {manifest.read} rows of `{manifest.dataset}` from {manifest.site}, "
            f"{landed.good_rows} are good and {landed.rejected} rejected, which does "
            "not add up, so the run was taken back. This is a fault of pocnet: please "
            f"report it with the bundle {manifest.name}."
        )


def _overtaken(
    warehouse: Warehouse, archive: Archive, new: Sequence[Manifest]
) -> list[Manifest]:
    """The bundles already applied that must be applied again after a late one.

    None when the new ones are the newest. Nothing before the last complete bundle
    matters, so a replay is short.
    """
    applied = warehouse.bundles(new[0].site, new[0].dataset)
    manifests = [archive.manifest(new[0].site, name) for name in applied["bundle"]]
    if not manifests or manifests[-1].rank < new[0].rank:
        return []
    complete = applied["complete"].to_list()
    last = max((i for i, whole in enumerate(complete) if whole), default=0)
    return manifests[last:]


def _oddities(landed: Landed, known: int) -> Iterator[Failure]:
    """An answer that would empty what is known is an event, never a deletion."""
    manifest = landed.manifest
    dataset = manifest.dataset
    kept = f"The {known} rows known of `{dataset}` are kept."
    for part in manifest.parts:
        if part.since is None and part.records == 0:
            yield Failure(
                manifest.site,
                part.source,
                f'"{part.location}" answered with nothing. {kept} See whether the '
                "export still works and the account may still read it.",
            )
    if manifest.read and not landed.good_rows:
        yield Failure(
            manifest.site,
            manifest.parts[0].source,
            f"Every row of `{dataset}` was refused. {kept} The rejects say why; "
            "mostly a date style or a list of codes has changed.",
        )
    for doubt in landed.doubts:
        source, _, location = doubt.entry.partition(": ")
        yield Failure(
            manifest.site,
            source,
            f'"{location}" lists its records without {doubt.lacking} of the '
            f"{doubt.known} known, more than half, so none of them was taken for "
            "deleted. If they are, pull the site once with --full; if not, see what "
            "the account may read.",
        )


def site_rows(network: Network) -> pl.DataFrame:
    """The rows of the dataset `site`, which stand in the sites' files."""
    return _rows(
        "site",
        [
            {"site": site.slug, **site.info.model_dump(exclude={"laboratories"})}
            for site in network.sites.values()
        ],
    )


def product_rows(network: Network) -> pl.DataFrame:
    """The rows of the dataset `product`, which stand in network.toml."""
    return _rows("product", [each.model_dump() for each in network.products])


def _rows(dataset: str, rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMAS[dataset].create_empty().schema)
