import multiprocessing
from collections.abc import Mapping
from typing import Any

import pytest
from scipy.stats import binom

from dashboard.analysis import lots
from tests.dashboard.seeds import looked
from tests.dashboard.seeds_table import markdown, summary
from tests.serving import STATE

Study = Mapping[tuple[str, str], Mapping[str, Any]]
# Chances of a false alarm of these tests themselves: about one in 10,000 each.
SPREAD = 3.9
KINDS_OF_MATERIAL = 5


@pytest.fixture(
    scope="module", params=[4, pytest.param(200, marks=pytest.mark.slow)], ids=str
)
def study(request: pytest.FixtureRequest) -> Study:
    """What the comparisons found in the made-up networks of so many seeds.

    Its table is left in tests/.state, from where the README has it.
    """
    seeds = range(1, request.param + 1)
    # Not forked: polars' threads would not survive it.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        rows = [row for found in pool.imap(looked, seeds) for row in found]
    table = summary(rows)
    STATE.mkdir(exist_ok=True)
    (STATE / f"seeds-{request.param}.md").write_text(markdown(table) + "\n")
    return {(r["rule"], r["plant"]): r for r in table.to_dicts()}


def near(count: int, expected: float, sd: float) -> bool:
    """Whether a count lies as near to what is expected as chance lets it."""
    return abs(count - expected) <= SPREAD * sd + 1


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("raw", "double_failure_rate"),
        ("raw", "stricter_criteria"),
        ("raw", "product_mix"),
        ("raw", "too_small"),
        ("usual criteria", "double_failure_rate"),
        ("by product", "double_failure_rate"),
        ("lot", "bad_vector_lot"),
        ("staff", "staff_shortage"),
        ("discordance", "discordant_releases"),
        ("silence", "stopped_reporting"),
    ],
)
def test_each_plant_is_found_as_often_as_its_stated_power_says(
    study: Study, rule: str, plant: str
) -> None:
    row = study[rule, plant]
    assert near(row["high"], row["high_expected"], row["high_sd"])


def test_the_plants_that_are_large_enough_have_the_power_to_be_found(
    study: Study,
) -> None:
    for plant in ("double_failure_rate", "stricter_criteria", "product_mix"):
        row = study["raw", plant]
        assert row["high_expected"] / row["looks"] > 0.95
    small = study["raw", "too_small"]
    assert small["high_expected"] / small["looks"] < 0.05


def test_the_strict_site_is_no_outlier_under_the_usual_criteria(study: Study) -> None:
    assert study["usual criteria", "stricter_criteria"]["high"] == 0
    assert study["raw", "stricter_criteria"]["high"] > 0


def test_the_site_with_the_hard_product_is_no_outlier_once_standardised(
    study: Study,
) -> None:
    row = study["by product", "product_mix"]
    assert row["high"] <= binom.ppf(0.9999, row["looks"], 0.001)
    assert study["raw", "product_mix"]["high"] > 0


def test_the_truly_bad_site_stays_an_outlier_in_both_comparisons(study: Study) -> None:
    for rule in ("usual criteria", "by product"):
        row = study[rule, "double_failure_rate"]
        assert row["high"] >= 0.9 * row["looks"] - 1


@pytest.mark.parametrize("rule", ["raw", "usual criteria", "by product", "staff"])
def test_an_unplanted_site_is_flagged_no_more_often_than_the_exact_rule_says(
    study: Study, rule: str
) -> None:
    row = study[rule, "none"]
    assert row["high"] <= row["high_expected"] + SPREAD * row["high_sd"] + 1
    if rule != "staff":
        assert row["low"] <= row["low_expected"] + SPREAD * row["low_sd"] + 1


def test_the_exact_chances_of_a_flag_are_those_that_are_seen(study: Study) -> None:
    row = study["raw", "none"]
    assert row["low_expected"] > 0
    assert near(row["low"], row["low_expected"], row["low_sd"])


@pytest.mark.parametrize("rule", ["discordance", "silence"])
def test_what_is_counted_and_not_estimated_never_names_another_site(
    study: Study, rule: str
) -> None:
    assert study[rule, "none"]["high"] == 0


def test_other_lots_are_listed_no_more_often_than_the_adjusted_level_says(
    study: Study,
) -> None:
    looks = KINDS_OF_MATERIAL * study["lot", "bad_vector_lot"]["looks"]
    assert study["lot", "none"]["high"] <= binom.ppf(0.9999, looks, lots.LEVEL)
