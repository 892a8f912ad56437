import numpy as np
import polars as pl
import pytest

from dashboard.analysis.survival import curves, durations

# Miller 1997, acute myelogenous leukaemia (R survival: aml), months to relapse
AML = [
    9,
    13,
    13,
    18,
    23,
    28,
    31,
    34,
    45,
    48,
    161,
    5,
    5,
    8,
    8,
    12,
    16,
    23,
    27,
    30,
    33,
    43,
]
AML += [45]
RELAPSED = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
DAYS = [3, 5, 5, 8, 8, 9, 12, 12, 12, 15, 18, 20, 20, 22, 25, 30]
FATES = [1, 1, 2, 1, 0, 1, 1, 2, 0, 1, 2, 1, 1, 0, 1, 0]


def histogram(days: list[int], fates: list[int], **extra: str) -> pl.DataFrame:
    fate = pl.Series(fates)
    return pl.DataFrame(
        {
            "day": days,
            "ended": (fate == 1).cast(pl.Int64),
            "competing": (fate == 2).cast(pl.Int64),
            "censored": (fate == 0).cast(pl.Int64),
        }
    ).with_columns(pl.lit(value).alias(name) for name, value in extra.items())


def test_without_competition_it_is_kaplan_and_meiers_curve() -> None:
    # R 4.2.2, survival 3.5-3: summary(survfit(..., conf.type = "log-log"))
    steps = curves(histogram(AML, RELAPSED))
    assert steps["day"].to_list() == [
        5,
        8,
        9,
        12,
        13,
        18,
        23,
        27,
        30,
        31,
        33,
        34,
        43,
        45,
        48,
    ]
    survival = [
        0.913043478260870,
        0.826086956521739,
        0.782608695652174,
        0.739130434782609,
        0.695652173913043,
        0.645962732919255,
    ]
    lower = [0.69494753753205873, 0.60061041123719894, 0.55421150666872854]
    upper = [0.977515669900713, 0.930903558387115, 0.903207489881887]
    assert (1 - steps["share"]).head(6).to_list() == pytest.approx(survival, abs=1e-12)
    assert (1 - steps["upper"]).head(3).to_list() == pytest.approx(lower, abs=1e-10)
    assert (1 - steps["lower"]).head(3).to_list() == pytest.approx(upper, abs=1e-10)
    last = steps.row(-1, named=True)
    assert 1 - last["upper"] == pytest.approx(0.00695596679853646, abs=1e-10)
    assert 1 - last["lower"] == pytest.approx(0.286760367980918, abs=1e-10)


def test_median_and_ninth_decile_are_those_of_survfit() -> None:
    # R 4.2.2: quantile(survfit(...), c(.5, .9)) is 27 (13 to 34) and 48 (43 to NA)
    row = durations(histogram(AML, RELAPSED)).row(0, named=True)
    assert (row["q50"], row["q50_lower"], row["q50_upper"]) == (27, 13, 34)
    assert (row["q90"], row["q90_lower"], row["q90_upper"]) == (48, 43, None)
    assert (row["n"], row["ended"], row["censored"]) == (23, 18, 5)


def test_with_competition_it_is_aalen_and_johansens_curve() -> None:
    # R 4.2.2: summary(survfit(Surv(day, factor(fate)) ~ 1)), pstate and std.err
    steps = curves(histogram(DAYS, FATES))
    share = [0.0625, 0.125, 0.1875, 0.255681818182, 0.323863636364, 0.401785714286]
    share += [0.401785714286, 0.557629870130, 0.674512987013]
    variance = [0.0036621093750, 0.0068359375000, 0.0095214843750, 0.0122464679400]
    variance += [0.0143199207011, 0.0165423435599, 0.0165423435599, 0.0177836968684]
    variance += [0.0181885998272]
    assert steps["share"].to_list() == pytest.approx(share, abs=1e-11)
    f = np.array(share)
    width = 1.959963984540054 * np.sqrt(variance) / ((1 - f) * -np.log1p(-f))
    assert steps["upper"].to_list() == pytest.approx(
        list(1 - (1 - f) ** np.exp(width)), abs=1e-9
    )


def test_a_failure_that_competes_is_not_a_batch_still_running() -> None:
    competing = histogram(DAYS, FATES)
    censored = histogram(DAYS, [0 if fate == 2 else fate for fate in FATES])
    assert curves(competing)["share"].max() < curves(censored)["share"].max()


def test_without_censoring_the_curve_is_the_plain_share() -> None:
    steps = curves(histogram([1, 2, 2, 5], [1, 1, 2, 1]))
    assert steps["share"].to_list() == pytest.approx([0.25, 0.5, 0.75])


def test_rows_of_one_day_are_added_up_whatever_their_order() -> None:
    table = histogram(DAYS, FATES)
    summed = table.group_by("day").agg(pl.all().sum()).sort("day", descending=True)
    assert durations(summed).equals(durations(table))


def test_groups_come_in_their_own_order_with_their_own_days() -> None:
    both = pl.concat(
        [histogram(DAYS, FATES, site="zeta"), histogram(AML, RELAPSED, site="alpha")]
    )
    found = durations(both, by=["site"])
    assert found["site"].to_list() == ["zeta", "alpha"]
    assert found["q50"].to_list() == [20, 27]
    assert curves(both, by=["site"]).columns[0] == "site"


def test_a_share_that_is_never_reached_is_open_and_says_so() -> None:
    row = durations(histogram([3, 9, 9, 9], [1, 0, 0, 0])).row(0, named=True)
    assert (row["q50"], row["q50_upper"]) == (None, None)
    assert row["reason"] == "less than 50 % is known to get there"
    none = durations(histogram([3, 4], [0, 2])).row(0, named=True)
    assert (none["state"], none["q50"]) == ("zero", None)
    assert none["reason"] == "none of 2 has got there"


def test_an_empty_group_is_a_state() -> None:
    nothing = histogram([3], [1]).with_columns(ended=pl.lit(0))
    assert durations(nothing)["state"].to_list() == ["not_applicable"]
    assert durations(nothing.clear()).height == 0
    assert curves(nothing).height == 0
