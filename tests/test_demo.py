from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from etl.contract.schemas import KEYS, SCHEMAS, SENT
from tests.demo import Demo
from tests.etl.drawn import rows_drawn

COUNTED = ("records", "read", "good", "repeated", "rejected")


def of_members(demo: Demo) -> list[dict[str, Any]]:
    """The counts that the pull printed, without those of the published library."""
    members = demo.world.by_slug
    return [c for c in demo.result["datasets"] if c["site"] in members]


def test_no_site_failed_and_the_snapshot_is_there(demo: Demo) -> None:
    assert demo.result["failures"] == []
    assert demo.snapshots.joinpath("current").resolve().exists()


def test_what_the_pull_printed_is_what_the_generator_made(demo: Demo) -> None:
    def in_order(counts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted(
            tuple(c[k] for k in ("site", "dataset", *COUNTED)) for c in counts
        )

    assert in_order(of_members(demo)) == in_order(demo.truth["counts"])


def test_rows_read_are_good_or_rejected_for_every_site_and_paper(demo: Demo) -> None:
    for counts in demo.result["datasets"]:
        assert counts["read"] == counts["good"] + counts["rejected"], counts


def test_what_was_printed_is_stored(demo: Demo) -> None:
    stored = demo.rows(
        'select site, dataset, records, "read", good, repeated, rejected from count'
    )
    printed = pl.DataFrame(demo.result["datasets"]).select(stored.columns)
    keys = ["site", "dataset"]
    members = stored.filter(pl.col("site").is_in([*demo.world.by_slug]))
    assert_frame_equal(members.sort(keys), printed.sort(keys))


@pytest.mark.parametrize("dataset", SENT)
def test_every_published_row_is_as_the_generator_drew_it(
    demo: Demo, dataset: str
) -> None:
    drawn = pl.concat(
        rows_drawn(demo.world, site, dataset).select(SCHEMAS[dataset].column_names())
        for site in demo.world.by_slug
        if not rows_drawn(demo.world, site, dataset).is_empty()
    )
    stray = [finding["batch"] for finding in demo.truth["findings"]]
    owner = "laboratory" if dataset == "ring_trial" else "site"
    shown = demo.rows(f'from "{dataset}"').filter(
        pl.col(owner).is_in([*demo.world.by_slug])
    )
    if dataset == "result":
        shown = shown.filter(~pl.col("batch").is_in(stray))
    key = list(KEYS[dataset])
    assert_frame_equal(
        shown.sort(key), drawn.select(shown.columns).sort(key), check_dtypes=False
    )


def test_each_planted_flaw_is_shown_with_its_rule_and_place(demo: Demo) -> None:
    rejects = demo.rows("from reject")
    found = rejects.group_by("site", "dataset", "rule").len()
    planted = pl.DataFrame(demo.truth["rejects"]).group_by("site", "dataset", "rule")
    keys = ["site", "dataset", "rule"]
    assert_frame_equal(
        found.sort(keys),
        planted.agg(pl.col("count").sum().alias("len")).sort(keys),
        check_dtypes=False,
    )
    for column in ("origin", "ref", "expected"):
        assert rejects[column].null_count() == 0


def test_published_programmes_are_no_members(demo: Demo) -> None:
    papers = demo.rows("select count(*) from site where kind = 'published'").item()
    counted = demo.rows(
        "select count(*) from fact_batch join site using (site)"
        " where site.kind = 'published'"
    ).item()
    assert papers >= 15
    assert counted == 0
