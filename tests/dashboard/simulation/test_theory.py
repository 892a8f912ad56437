"""The queue against answers that are in the books, and by hand."""

import numpy as np
import pytest

from dashboard.simulation.network import LOST, Coming
from dashboard.simulation.queue import serve
from dashboard.simulation.run import Plan, simulate
from dashboard.simulation.slots import lines
from tests.dashboard.simulation.building import (
    KEY,
    always_open,
    erlang_c,
    far_from,
    network,
    queue,
)

CUSTOMERS = 200_000
ERRORS = 4.0


def _arrivals(rate: float, seed: int) -> tuple[np.random.Generator, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator, np.cumsum(generator.exponential(1 / rate, CUSTOMERS))


@pytest.mark.parametrize(("count", "load"), [(1, 0.6), (2, 1.5), (3, 2.4), (6, 5.1)])
def test_the_mean_wait_in_m_m_c_is_erlangs(count: int, load: float) -> None:
    generator, due = _arrivals(load, count)
    found = queue(due, generator.exponential(1.0, CUSTOMERS), count)
    true = erlang_c(count, load) / (count - load)
    assert far_from(found.start - found.due, true) < ERRORS
    waits = (found.start > found.due).astype(float)
    assert far_from(waits, erlang_c(count, load)) < ERRORS


@pytest.mark.parametrize("load", [0.5, 0.8])
@pytest.mark.parametrize("kind", ["fixed", "even", "two kinds"])
def test_the_mean_wait_in_m_g_1_is_pollaczeks_and_khinchines(
    kind: str, load: float
) -> None:
    generator, due = _arrivals(load, 11)
    hold = {
        "fixed": np.ones(CUSTOMERS),
        "even": generator.uniform(0, 2, CUSTOMERS),
        "two kinds": generator.choice([0.5, 2.5], CUSTOMERS, p=[0.75, 0.25]),
    }[kind]
    second = {"fixed": 1.0, "even": 4 / 3, "two kinds": 0.75 * 0.25 + 0.25 * 6.25}
    found = queue(due, hold, 1)
    true = load * second[kind] / (2 * (1 - load))
    assert far_from(found.start - found.due, true) < ERRORS


def test_as_many_give_up_as_the_birth_and_death_equations_say() -> None:
    """M/M/2 with patience: Palm's Erlang-A, solved here from its balance equations."""
    load, count, patience = 2.2, 2, 1.5
    generator, due = _arrivals(load, 5)
    found = queue(due, generator.exponential(1.0, CUSTOMERS), count, patience=patience)
    weight = [1.0]
    for k in range(1, 200):
        leaving = min(k, count) + max(k - count, 0) / patience
        weight.append(weight[-1] * load / leaving)
    share = np.array(weight) / sum(weight)
    queueing = sum(max(k - count, 0) * p for k, p in enumerate(share))
    given_up = queueing / patience / load
    assert far_from((found.fate == LOST).astype(float), given_up) < ERRORS


def test_littles_law_holds_for_the_year_that_is_shown() -> None:
    """The mean number that waits = the rate of orders x their mean wait."""
    year = network(always_open(1, 3, 200), [0.36])
    tally = simulate(year, Plan(3000))
    seen = tally.waiting[:, 0, 1:].mean(axis=1)
    expected = tally.waits[:, 0] / 364
    apart = seen - expected
    assert seen.mean() > 0.5
    assert abs(apart.mean()) < ERRORS * apart.std(ddof=1) / np.sqrt(len(apart))


def test_a_queue_by_hand() -> None:
    """Two lines. In: days 0, 1, 2, 2.5, 30; each keeps its line for 7 days."""
    found = queue(np.array([0, 1, 2, 2.5, 30.0]), np.full(5, 7.0), 2)
    assert found.start.tolist() == [0, 1, 7, 8, 30]


def test_slots_by_hand() -> None:
    """Slots by week: 2, 0, 1, 1. Five are due on day 1; the rest wait for a slot."""
    year = network(lines(np.array([[2, 0, 1, 1]])), [1.0])
    due = np.full(5, 1.0)
    orders = Coming(due, due, np.zeros(5, np.int64), np.arange(5), np.empty(0))
    found = serve(orders, year, KEY)
    assert found.start.tolist() == [1, 1, 14, 21, np.inf]


def test_a_failed_batch_is_made_again_by_hand() -> None:
    """Every batch fails and is made again, 20 days after its start, three times."""
    found = queue(np.array([0.0]), np.empty(0), 1, fails=1.0, again=1.0)
    assert found.due.tolist() == [0, 20, 40, 60]
    assert found.attempt.tolist() == [0, 1, 2, 3]


def test_days_from_order_to_infusion_by_hand() -> None:
    """10 days to the slot, 15 from the start, and no wait: nobody else is there."""
    year = network(always_open(1, 40, 200), [0.05])
    tally = simulate(year, Plan(200))
    assert np.allclose(tally.days.sum(), 25 * tally.treated.sum())
    assert tally.late.sum() == 0
    assert np.isclose(tally.orders.mean(), 0.05 * 364, rtol=0.05)
