from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from connectors import ConfigError
from etl.preview import Preview, previews
from etl.rotation import SENT_LIST
from etl.site_folder import load_site
from tests.etl.agents import AT_SITE, loaded, site_folder
from tests.etl.drops import edit


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return site_folder(tmp_path / "site", to=str(tmp_path / "carried"))


def shown(site: Path) -> Mapping[str, Preview]:
    """What a dry run shows of each dataset, which leaves the folder as it was."""
    before = sorted(site.rglob("*"))
    found = {each.dataset: each for each in previews(loaded(site))}
    assert sorted(site.rglob("*")) == before
    return found


def test_every_column_that_would_leave_is_shown_with_what_is_done_to_it(
    site: Path,
) -> None:
    batch = shown(site)["batch"]
    told = {f.column: (f.origin, f.treatment) for f in batch.fields}
    assert told == {
        "site": ("this site's slug", "plain"),
        "batch": ('column "Batch"', "pseudonym with key k1"),
        "product": ("constant car-t-cd19", "plain, the mapping's own"),
        "pathway": ('column "Path" through codes', "plain, past the gate"),
        "started": ('column "Start"', "plain, past the gate"),
        "harvested": ('column "Harvest"', "plain, past the gate"),
        "ended": ('column "End"', "plain, past the gate"),
        "_origin": (
            "name of the file, sheet, table or path",
            "plain, numbers of the site's own as pseudonyms",
        ),
        "_ref": (
            "line, row or record",
            "plain, numbers of the site's own as pseudonyms",
        ),
    }
    assert set(batch.rows.columns) == set(told)
    assert batch.rows.height == 3


def test_a_dry_run_keeps_the_names_under_which_batches_were_sent(site: Path) -> None:
    before = shown(site)["batch"].rows["batch"].to_list()
    data = loaded(site).data
    data.mkdir(parents=True)
    pl.DataFrame({"said": before[:1]}).write_parquet(data / SENT_LIST)
    old = 'key = { env = "POCNET_KEY_AT_ALPHA" }\nkey_id = "k1"\n'
    new = 'key = { env = "POCNET_KEY_NEW" }\nkey_id = "k2"\n'
    edit(site, "alpha", old, f"{new}[[privacy.former]]\n{old}")
    renewed = loaded(site, {"POCNET_KEY_NEW": "another key of the tests"})
    after = {each.dataset: each for each in previews(renewed)}["batch"].rows["batch"]
    assert after[0] == before[0]
    assert [name[:3] for name in after[1:]] == ["k2-", "k2-"]


def test_a_dry_run_says_what_is_coarsened(site: Path) -> None:
    edit(site, "alpha", 'key_id = "k1"', 'key_id = "k1"\ncoarsen = "week"')
    batch = shown(site)["batch"]
    told = {f.column: f.treatment for f in batch.fields}
    assert told["started"] == "Monday of its week"
    days = ["2026-08-03", "2026-09-07", "2026-10-12"]
    assert batch.rows["started"].to_list() == days


def test_where_counts_leave_the_counts_are_shown_and_no_batch(site: Path) -> None:
    edit(site, "alpha", "[style]", 'share = "aggregates"\n[style]')
    found = shown(site)
    assert set(found) == {"declared", "stratum"}
    counts = found["stratum"].rows
    assert counts["started"].to_list() == ["1", "1", "1"]
    assert "k1-" not in str(counts.rows())


def test_a_source_that_does_not_answer_is_named(site: Path) -> None:
    (site / "drops" / "alpha" / "releases.csv").unlink()
    found = shown(site)
    assert "releases.csv" in found["release"].problem
    assert not found["batch"].problem


def test_a_site_that_the_folder_does_not_hold_is_named(site: Path) -> None:
    with pytest.raises(ConfigError, match=r"beta\.toml"):
        load_site(site, "beta", AT_SITE)
