from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from connectors.standins import RestApi, serve
from etl.network import load_network
from etl.pseudonym import pseudonym
from etl.run import pull
from tests.etl.drops import ENVIRON, drop, edit
from tests.etl.pulling import known, pulled, rows

LABORATORY = """
[site]
name = "lab"
country = "ES"
kind = "testing_laboratory"
stage = "active"
[source.main]
kind = "files"
folder = "../drops/lab"
[privacy]
key = { env = "POCNET_KEY_TEST" }
key_id = "k9"
[[dataset]]
name = "result"
from = "results.csv"
columns = { site = "Client", batch = "Label", value = "Value", stage = { constant = "final_product" }, parameter = { constant = "viability" }, unit = { constant = "%" } }
"""  # noqa: E501


def test_a_laboratorys_rows_are_taken_only_where_the_owner_names_it(
    folder: Path,
) -> None:
    key = ENVIRON["POCNET_KEY_TEST"]
    labels = {s: pseudonym(f"{s}-001", s, key, "k1") for s in ("alpha", "beta")}
    lines = [f"{site},{label},88" for site, label in labels.items()]
    (folder / "sites" / "lab.toml").write_text(LABORATORY)
    drop(folder, "lab", {"results.csv": "\n".join(["Client,Label,Value", *lines])})
    edit(
        folder, "alpha", 'stage = "active"', 'stage = "active"\nlaboratories = ["lab"]'
    )
    result = pulled(folder, "lab")
    (counts,) = result.datasets
    assert (counts.read, counts.good, counts.rejected) == (2, 1, 1)
    owned = rows(result.snapshot, "result", "site, batch, laboratory")
    assert ("alpha", labels["alpha"], "lab") in owned
    assert "beta" not in {row[0] for row in owned}
    refused = rows(result.snapshot, "reject", 'site, dataset, "column", rule')
    assert ("lab", "result", "site", "owner") in refused


REST = """
kind = "rest"
url = "{url}/beta"
api_key = {{ env = "POCNET_TOKEN_TEST" }}
"""
READ = (
    'read = { records = "items", modified_parameter = "modified_since", '
    "may_be_empty = true }"
)


def test_a_source_that_can_tell_is_asked_only_for_what_changed(folder: Path) -> None:
    def record(name: str, harvest: str, modified: datetime) -> dict[str, object]:
        said = {"Batch": name, "Start": "03/08/2026", "Harvest": harvest}
        return {**said, "End": None, "Path": "EC", "modified": modified}

    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    just_now = datetime.now(UTC) + timedelta(minutes=1)
    frames = {
        "/batches": pl.DataFrame(
            [
                record("b-1", "13/08/2026", long_ago),
                record("b-2", "13/08/2026", long_ago),
            ]
        )
    }
    old = 'kind = "files"\nfolder = "../drops/beta"\n'
    text = (folder / "sites" / "beta.toml").read_text()
    text = text[: text.index('[[dataset]]\nname = "release"')]
    (folder / "sites" / "beta.toml").write_text(text)
    environ = {**ENVIRON, "POCNET_TOKEN_TEST": "a key"}
    with serve({"beta": RestApi("a key", frames)}) as url:
        edit(folder, "beta", old, REST.format(url=url))
        edit(folder, "beta", '"batches*.csv"', f'"/batches"\n{READ}')

        def asked() -> tuple[int, dict[str, int]]:
            result = pull(load_network(folder, environ), ["beta"])
            assert result.failures == ()
            return result.datasets[0].records, known(result)

        assert asked() == (2, {"alpha": 3, "beta": 2, "gamma": 3})
        frames["/batches"] = pl.DataFrame(
            [
                record("b-1", "13/08/2026", long_ago),
                record("b-3", "14/08/2026", just_now),
            ]
        )
        assert asked() == (1, {"alpha": 3, "beta": 3, "gamma": 3})
        edit(folder, "beta", 'ended = "End", ', "")
        assert asked() == (2, {"alpha": 3, "beta": 2, "gamma": 3})
