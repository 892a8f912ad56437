"""What holds in every run: nobody vanishes, luck stays with its order, same bytes."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from dashboard.simulation.network import Network
from dashboard.simulation.run import Plan, simulate
from dashboard.simulation.slots import MOST_LINES, lines
from dashboard.simulation.tally import Tally
from tests.dashboard.simulation.building import always_open, network

PLAN = Plan(200, seed=7)


def busy(**changed: object) -> Network:
    """Three sites near their limit, with failures and with people who give up."""
    slots = np.tile(np.array([[2], [3], [1]]), (1, 112))
    whole = network(lines(slots), [0.25, 0.35, 0.12], 0.5, 0.2, 60.0)
    return whole._replace(streams=whole.streams._replace(**changed))


def same(one: Tally, other: Tally) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def digest(tally: Tally) -> str:
    return hashlib.sha256(b"".join(a.tobytes() for a in tally)).hexdigest()


def test_every_order_is_treated_lost_failed_or_still_not_started() -> None:
    tally = simulate(busy(), PLAN)
    ended = tally.treated + tally.lost + tally.failed + tally.never
    assert np.array_equal(tally.orders, ended)
    assert tally.lost.sum() > 0 and tally.failed.sum() > 0


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.dashboard.simulation.test_invariants import *;"
        "print(digest(simulate(busy(), PLAN)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == digest(simulate(busy(), PLAN))
    assert digest(simulate(busy(), Plan(200, seed=8))) != told.stdout.strip()


def test_more_replications_leave_the_first_ones_as_they_are() -> None:
    few, many = simulate(busy(), PLAN), simulate(busy(), Plan(300, seed=7))
    assert same(few, Tally(*(a[:200] for a in many)))


def test_added_orders_change_the_luck_of_no_other_site() -> None:
    base = simulate(busy(), PLAN)
    more = simulate(busy(added=np.array([0.05, 0, 0])), PLAN)
    for one, other in zip(base, more, strict=True):
        assert np.array_equal(one[:, 1:], other[:, 1:])
    assert (more.orders[:, 0] >= base.orders[:, 0]).all()
    assert np.isclose((more.orders - base.orders)[:, 0].mean(), 0.05 * 364, rtol=0.1)


def test_a_smaller_demand_keeps_some_of_the_same_orders() -> None:
    base = simulate(busy(), PLAN)
    fewer = simulate(busy(kept=np.array([0.5, 1, 1])), PLAN)
    assert (fewer.orders[:, 0] <= base.orders[:, 0]).all()
    share = fewer.orders[:, 0].sum() / base.orders[:, 0].sum()
    assert np.isclose(share, 0.5, atol=0.02)


def test_more_slots_never_make_anybody_wait_longer() -> None:
    """Replication by replication; without failures, which would change the orders."""
    rates = [0.25, 0.3]
    few = simulate(network(always_open(2, 2, 200), rates), PLAN)
    many = simulate(network(always_open(2, 3, 200), rates), PLAN)
    assert (many.waits <= few.waits).all()
    assert (many.waiting <= few.waiting).all()
    assert (many.days <= few.days).all()
    assert np.array_equal(many.orders, few.orders)


def test_a_site_that_sends_nobody_anywhere_takes_nobody() -> None:
    tally = simulate(busy(), PLAN)
    assert tally.taken.sum() == tally.sent.sum() == 0


def test_what_is_sent_is_what_is_taken() -> None:
    elsewhere = np.array([[1, 2], [2, 0], [1, 0]])
    tally = simulate(busy(elsewhere=elsewhere), PLAN)
    assert tally.sent.sum() > 0
    assert np.array_equal(tally.sent.sum(axis=1), tally.taken.sum(axis=1))
    ended = tally.treated + tally.lost + tally.failed + tally.never
    assert np.array_equal(tally.orders, ended)


@pytest.mark.parametrize("slots", [1, 3, 40, 111])
def test_no_week_starts_more_than_it_has_slots(slots: int) -> None:
    """Far too many orders fill every slot of the year, and not one more."""
    year = network(lines(np.full((1, 112), slots)), [0.4 * slots], patient=False)
    starts = simulate(year, Plan(3)).starts[:, 0]
    assert (starts <= 52 * slots + slots).all()
    assert (starts >= 52 * slots - slots).all()
    assert lines(np.full((1, 112), slots)).opens.shape[1] <= MOST_LINES


def test_a_site_without_a_staffed_slot_starts_nothing_and_everybody_waits() -> None:
    year = network(lines(np.zeros((1, 112), np.int64)), [0.1])
    tally = simulate(year, PLAN)
    assert tally.starts.sum() == tally.treated.sum() == 0
    assert np.array_equal(tally.never, tally.orders)
    assert np.array_equal(tally.late, tally.orders)
    assert (np.diff(tally.waiting[:, 0], axis=1) >= 0).all()


def test_a_network_without_orders_is_a_quiet_year() -> None:
    tally = simulate(network(always_open(1, 2, 200), [0.0]), PLAN)
    assert all(not column.any() for column in tally)
