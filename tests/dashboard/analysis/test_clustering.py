from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.cluster import hierarchy

from dashboard.analysis.clustering import clustered


def apart(square: dict[tuple[str, str], float | None]) -> pl.DataFrame:
    rows = [(one, other, value) for (one, other), value in square.items()]
    schema = {"site": pl.String, "other": pl.String, "distance": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


FOUR = {("a", "b"): 0.1, ("a", "c"): 0.8, ("a", "d"): 0.6, ("b", "c"): 0.6,
        ("b", "d"): 0.8, ("c", "d"): 0.2}  # fmt: skip


def test_the_nearest_meet_first_and_two_pairs_at_their_mean_distance() -> None:
    tree = clustered(apart(FOUR))
    heights = [height for _, _, height in tree.joins]
    assert heights == pytest.approx([0.1, 0.2, 0.7])
    assert {frozenset(tree.names[:2]), frozenset(tree.names[2:])} == {
        frozenset("ab"), frozenset("cd"),
    }  # fmt: skip


def test_each_join_begins_where_its_branches_ended() -> None:
    tree = clustered(apart(FOUR))
    (first, second, last) = tree.joins
    assert {branch[1] for join in (first, second) for branch in join[:2]} == {
        0,
        1,
        2,
        3,
    }
    assert last[0] == (pytest.approx(tree.joins[0][2]), 0.5) or last[0] == (
        pytest.approx(tree.joins[1][2]), 0.5,
    )  # fmt: skip
    assert last[1][1] == 2.5


@pytest.mark.parametrize("seed", range(5))
def test_no_branch_crosses_another_and_heights_are_the_method_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"s{i:02}" for i in range(15)]
    square = {pair: float(rng.random()) for pair in combinations(names, 2)}
    tree = clustered(apart(square))
    assert sorted(tree.names) == names
    plain = hierarchy.linkage(list(square.values()), "average")[:, 2]
    assert [h for _, _, h in tree.joins] == pytest.approx(sorted(plain))
    spans: list[tuple[float, float]] = []
    for above, below, _ in tree.joins:
        assert above[1] < below[1]
        spans.append((above[1], below[1]))


def test_a_distance_that_is_not_known_leaves_out_as_few_as_can_be() -> None:
    unknown = {pair: None for pair in FOUR if "d" in pair}
    tree = clustered(apart(FOUR | unknown))
    assert sorted(tree.names) == ["a", "b", "c"]


def test_one_or_no_specification_makes_no_tree() -> None:
    assert clustered(apart({})).joins == ()
    assert clustered(apart({("a", "b"): None})).joins == ()
