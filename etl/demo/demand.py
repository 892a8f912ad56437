"""Orders of one site: who waits, who was made again, how each order closed."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from etl.demo.lives import NEVER, OUT_OF_SPEC
from etl.demo.members import MEMBERS, Member
from etl.demo.products import by_slug
from etl.demo.records import Site, dates
from etl.demo.schedule import Ints

AGAIN = 0.45
UNUSED = ("died", "withdrawn", "progressed")
WITHOUT_BATCH = ("died", "progressed", "withdrawn", "moved")


@dataclass(frozen=True)
class Chains:
    """Which order each batch belongs to, and which attempt of it the batch is.

    `order` is the position of the first batch of the order, -1 for a batch without
    an order; `last` maps each first batch to the last one of its order.
    """

    order: Ints
    attempt: Ints
    last: Ints


def chains(site: Site, rng: np.random.Generator) -> Chains:
    """Failed batches of one patient made again: a later batch joins the order."""
    size = len(site.start)
    lines = site.member.lines
    ordered = np.array([_has_order(lines[i].product, lines[i].pathway)
                        for i in range(len(lines))])[site.line]  # fmt: skip
    product = np.array([lines[i].product for i in range(len(lines))])[site.line]
    fate, ended = site.gather("fate"), site.gather("ended")
    failed = ordered & (fate > OUT_OF_SPEC) & (rng.random(size) < AGAIN)
    order = np.where(ordered, np.arange(size), -1)
    attempt, last = np.ones(size, dtype=np.int64), np.arange(size)
    for parent, child in _pairs(site.start, product, ordered, failed, ended):
        order[child] = order[parent]
        attempt[child] = attempt[parent] + 1
        last[order[child]] = child
    return Chains(order, attempt, last)


def _has_order(product: str, pathway: str) -> bool:
    counted = pathway not in ("validation", "engineering")
    return counted and by_slug()[product].source == "autologous"


def _pairs(
    start: Ints, product: np.ndarray, ordered: np.ndarray, failed: np.ndarray, end: Ints
) -> list[tuple[int, int]]:
    """Failed batch and the next of its product that begins a week after its end."""
    found: dict[int, int] = {}
    for name in dict.fromkeys(product.tolist()):
        mine = np.flatnonzero((product == name) & ordered)
        gone = mine[failed[mine] & (end[mine] < NEVER)]
        place = np.searchsorted(start[mine], end[gone] + 7)
        for parent, position in zip(gone, place, strict=True):
            if position < len(mine):
                found.setdefault(int(mine[position]), int(parent))
    return sorted((parent, child) for child, parent in found.items())


def order_keys(made: Chains) -> pl.Series:
    """The site's own order number of each batch, empty where there is no order."""
    keys = [f"P-{o + 1:06d}" if o >= 0 else None for o in made.order.tolist()]
    return pl.Series("order_key", keys, dtype=pl.String)


def demand_frame(
    site: Site, batches: pl.DataFrame, made: Chains, rng: np.random.Generator
) -> pl.DataFrame:
    """The site's `demand` rows: orders with batches, given up, and still waiting."""
    parts = [_made(site, batches, made, rng), *_unmade(site, made, rng)]
    return pl.concat(parts).filter(pl.col("ordered").is_not_null())


def _made(
    site: Site, batches: pl.DataFrame, made: Chains, rng: np.random.Generator
) -> pl.DataFrame:
    first = np.flatnonzero(made.order == np.arange(len(made.order)))
    known = batches["collected"].to_physical().cast(pl.Int64).fill_null(NEVER)
    collected = known.to_numpy()[first]
    last = made.last[first]
    infused, ended = site.gather("infused")[last], site.gather("ended")[last]
    fate = site.gather("fate")[last]
    wait = np.where(fate > OUT_OF_SPEC, rng.integers(3, 40, len(first)), 0)
    reason = np.where(
        infused < NEVER, "treated", rng.choice(UNUSED, len(first), p=[0.5, 0.2, 0.3])
    )
    days = {
        "slot": collected - rng.integers(3, 15, len(first)),
        "collected": collected,
        "closed": np.minimum(ended + wait, NEVER),
    }
    keys = pl.Series([f"P-{i + 1:06d}" for i in first.tolist()], dtype=pl.String)
    return _orders(site, (keys, batches["product"][first]), days, reason, rng)


def _unmade(site: Site, made: Chains, rng: np.random.Generator) -> list[pl.DataFrame]:
    """Orders that closed before a batch, and those that wait for one today."""
    orders = int((made.order >= 0).sum())
    products = [
        x.product for x in site.member.lines if _has_order(x.product, x.pathway)
    ]
    if not orders:
        return []
    gone = max(1, orders // 10)
    waiting = max(1, orders // 40)
    slot = rng.integers(site.first + 60, site.horizon - 60, gone)
    closed = {"slot": slot, "collected": np.full(gone, NEVER),
              "closed": slot + rng.integers(1, 50, gone)}  # fmt: skip
    now = site.horizon - rng.integers(-10, 25, waiting)
    never = np.full(waiting, NEVER)
    open_ = {"slot": now, "collected": never, "closed": never}
    return [
        _orders(site, (_keys("Q", gone), _pick(products, gone, rng)), closed,
                rng.choice(WITHOUT_BATCH, gone), rng),
        _orders(site, (_keys("W", waiting), _pick(products, waiting, rng)), open_,
                np.full(waiting, "other"), rng),
    ]  # fmt: skip


def _keys(letter: str, count: int) -> pl.Series:
    return pl.Series([f"{letter}-{i + 1:06d}" for i in range(count)], dtype=pl.String)


def _pick(products: list[str], count: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(rng.choice(products, count), dtype=pl.String)


def _orders(
    site: Site,
    named: tuple[pl.Series, pl.Series],
    days: dict[str, Ints],
    reason: np.ndarray,
    rng: np.random.Generator,
) -> pl.DataFrame:
    keys, product = named
    size = len(keys)
    ordered = days["slot"] - rng.gamma(1.6, 8, size).astype(np.int64) - 1
    closed = dates(days["closed"], site.horizon)
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "order_key": keys,
            "product": product,
            "region": _regions(site.member, size, rng),
            "referred": dates(ordered - rng.integers(2, 21, size), site.horizon),
            "ordered": dates(ordered, site.horizon),
            "slot_offered": dates(days["slot"], site.horizon),
            "collected": dates(days["collected"], site.horizon),
            "closed": closed,
            "close_reason": pl.Series(reason, dtype=pl.String).set(
                closed.is_null(), None
            ),
        }
    )


def _regions(member: Member, size: int, rng: np.random.Generator) -> pl.Series:
    """Treating centres: mostly the site's own region, else another of its country."""
    others = sorted({m.region for m in MEMBERS if m.country == member.country})
    away = rng.choice(others, size)
    return pl.Series(
        np.where(rng.random(size) < 0.75, member.region, away), dtype=pl.String
    )


def waiting(orders: pl.DataFrame, weeks: Ints) -> Ints:
    """Orders that wait for their collection on each Monday."""
    if orders.is_empty():
        return np.zeros_like(weeks)
    begun = orders["ordered"].to_physical().to_numpy().astype(np.int64)
    left = pl.min_horizontal("collected", "closed").to_physical().fill_null(NEVER >> 31)
    until = orders.select(left.cast(pl.Int64)).to_series().to_numpy()
    return np.searchsorted(np.sort(begun), weeks, "right") - np.searchsorted(
        np.sort(until), weeks, "right"
    )
