import numpy as np
import polars as pl
import pytest

from dashboard.analysis.nowcast import delays, expected

# Thirteen batches: day, and failed, certified or still waiting.
DAYS = [3, 3, 5, 5, 7, 8, 8, 10, 12, 2, 6, 9, 15]
FATES = "cfccfccfcwwww"


def triangle(months: list[int], days: list[int], fates: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"month": months, "day": days}
        | {
            name: [int(fate == name[0]) for fate in fates]
            for name in ("failed", "certified", "waiting")
        }
    )


def test_the_chance_of_a_waiting_batch_is_that_of_r_s_curves() -> None:
    known = delays(triangle([1] * 13, DAYS, FATES))
    # R 4.2.2, survival 3.5-3, survfit(Surv(day, fate) ~ 1): pstate of failed after day
    # 5 is 0.08333333333 and at the end 0.30555555556; of nobody settled 0.6666666667
    # and 0.1269841270.
    told = (0.30555555556 - 0.08333333333) / (0.66666666667 - 0.12698412698)
    chance, seen = known.at(np.array([5.0, 6.0]))
    assert chance == pytest.approx([told, told])
    assert seen.tolist() == [5, 5]
    start = 0.30555555556 / (1 - 0.12698412698)
    assert known.at(np.array([0.0]))[0] == pytest.approx(start)


def test_who_waits_longer_than_anybody_did_has_everybody_s_chance() -> None:
    known = delays(triangle([1] * 13, DAYS, FATES))
    assert known.at(np.array([12.0, 99.0]))[0] == pytest.approx(
        known.at(np.zeros(2))[0]
    )


def test_a_settled_month_is_what_it_is() -> None:
    frame = expected(triangle([1] * 9 + [2] * 4, DAYS, FATES))
    row = frame.row(0, named=True)
    assert (row["failed"], row["certified"], row["waiting"]) == (3, 6, 0)
    assert row["so_far"] == row["final"] == row["low"] == row["high"] == 3 / 9
    last = frame.row(1, named=True)
    assert last["so_far"] is None
    assert last["low"] <= last["final"] <= last["high"]


def test_where_nothing_was_ever_settled_nothing_is_expected() -> None:
    row = expected(triangle([1, 1], [3, 4], "ww")).row(0, named=True)
    assert row["waiting"] == 2
    assert row["so_far"] is row["final"] is row["low"] is row["high"] is None
    assert expected(triangle([], [], "")).is_empty()


def simulated(sizes: tuple[int, int], chance: float, seed: int) -> pl.DataFrame:
    """Open months: what is expected of each, beside what truly comes of it.

    Failures are known in 5 to 40 days, certificates in 14 to 50: what is settled so
    far is not like what is still to come.
    """
    each, months = sizes
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(months), each)
    age = (months - month) * 30 - rng.integers(0, 30, month.size)
    bad = rng.random(month.size) < chance
    delay = np.where(bad, rng.integers(5, 40, bad.size), rng.integers(14, 50, bad.size))
    known = delay <= age
    frame = pl.DataFrame(
        {
            "month": month,
            "day": np.where(known, delay, age),
            "failed": (known & bad).astype(int),
            "certified": (known & ~bad).astype(int),
            "waiting": (~known).astype(int),
        }
    )
    true = np.bincount(month, weights=bad) / each
    found = expected(frame).with_columns(pl.Series("true", true))
    return found.filter(pl.col("waiting") > 0)


@pytest.mark.parametrize(
    ("sizes", "chance"), [((80, 36), 0.05), ((20, 24), 0.1), ((5, 12), 0.2)]
)
def test_the_interval_holds_what_comes_and_the_share_so_far_does_not(
    sizes: tuple[int, int], chance: float
) -> None:
    told = pl.concat([simulated(sizes, chance, seed) for seed in range(120)])
    room = 1e-9
    inside = told.select(
        pl.col("true").is_between(pl.col("low") - room, pl.col("high") + room).mean()
    ).item()
    assert inside >= 0.95
    final = (told["final"] - told["true"]).mean()
    so_far = (told["so_far"] - told["true"]).drop_nulls().mean()
    assert isinstance(final, float)
    assert isinstance(so_far, float)
    assert abs(final) < 0.02
    assert so_far > 2 * abs(final)
    assert so_far > 0.01
