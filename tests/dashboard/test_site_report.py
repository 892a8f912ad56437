"""A site's report over a small network whose faults are known line by line."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from click.testing import CliRunner
from fastapi import HTTPException

from dashboard import queries, site_report
from dashboard.commands.report import command
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from etl.network import check_network
from etl.rebuild import rebuild
from etl.rules import DECISIONS, RULES
from etl.settings_network import Check
from etl.sound import load_known
from etl.withdrawing import named_by, withdraw
from tests.etl.drops import BATCHES, ENVIRON, drop
from tests.etl.pulling import pulled
from tests.etl.withdrawn import STAYS, copied, write

pytestmark = pytest.mark.usefixtures("short_library")

OWN = Viewer("site", site="alpha")
LEAD = Viewer("lead")
FORMULA = "=1+1<b>x</b>"
CAPACITY = """
[[dataset]]
name = "capacity"
from = "rooms.csv"
columns = { resource = { constant = "slot" }, week = "Week", staffed = "Staff", booked = "Booked" }
"""  # noqa: E501
RESULTS = """\
Batch,Viability,Day
alpha-001,91,14/08/2026
alpha-999,88,21/09/2026
alpha-001,nonsense,15/08/2026
"""


def with_faults(folder: Path) -> Path:
    """The network with one fault of each kind at alpha, and none of them at beta."""
    write(folder)
    own = folder / "sites" / "alpha.toml"
    own.write_text(own.read_text() + CAPACITY)
    batches = (folder / "drops/alpha/batches.csv").read_text()
    batches = batches.replace("32/10/2026", FORMULA)
    files = {
        "batches.csv": batches,
        "results.csv": RESULTS,
        "releases.csv": "Batch,Decision,Day\nalpha-001,released,01/08/2026\n"
        "alpha-002,rejected,28/09/2026\n",
        "rooms.csv": "Week,Staff,Booked\n17/08/2026,3,2\n24/08/2026,2,5\n",
    }
    drop(folder, "alpha", files)
    return folder


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_faults(tmp_path_factory.mktemp("once") / "network")
    pulled(folder)
    return folder


@pytest.fixture(scope="module")
def twice(once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After a second run: one fault was mended, one is new."""
    folder = copied(once, tmp_path_factory.mktemp("twice"))
    mended = RESULTS.replace("nonsense", "89") + "alpha-002,much,22/09/2026\n"
    drop(folder, "alpha", {"results.csv": mended})
    pulled(folder)
    return folder


@contextmanager
def asked(folder: Path, viewer: Viewer) -> Iterator[Filters]:
    snapshots = folder / "data" / "snapshots"
    about = queries.about(snapshots, viewer)
    journal = Journal(folder / "data" / "journal.sqlite")
    with asking(Request(viewer, snapshots, journal, about)):
        yield Filters()


def issues(folder: Path, viewer: Viewer = OWN) -> pl.DataFrame:
    with asked(folder, viewer) as filters:
        return queries.issues(viewer, filters)


def verdicts(folder: Path, site: str) -> dict[str, str]:
    with asked(folder, LEAD) as filters:
        counts = queries.rule_counts(LEAD, filters).filter(site=site)
    return dict(counts.select("rule", "verdict").rows())


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("date", ("batches.csv", "line 6", "started")),
        ("result_without_batch", ("results.csv", "line 3", "batch")),
        ("release_before_harvest", ("releases.csv", "line 2", "decided")),
        ("booked_above_staffed", ("rooms.csv", "line 3", "booked")),
    ],
)
def test_each_fault_leads_back_to_its_file_line_and_column(
    once: Path, rule: str, place: tuple[str, str, str]
) -> None:
    found = issues(once)
    if rule == "date":
        found = found.filter(column="started", dataset="batch")
    else:
        found = found.filter(rule=rule)
    assert found.select("origin", "ref", "column").rows() == [place]


def test_issues_are_new_existing_or_resolved(once: Path, twice: Path) -> None:
    assert set(issues(once)["status"]) == {"new"}
    found = issues(twice).filter(dataset="result", column="value")
    told = dict(found.select("read", "status").rows())
    assert told == {"much": "new", "nonsense": "resolved"}
    others = issues(twice).filter(rule="release_before_harvest")
    assert others["status"].to_list() == ["existing"]


def test_a_rule_without_rows_is_not_applicable_and_no_pass(once: Path) -> None:
    found = verdicts(once, "beta")
    assert found["booked_above_staffed"] == "not_applicable"
    assert found["release_before_harvest"] == "pass"
    assert found[DECISIONS] == "not_applicable"
    mine = verdicts(once, "alpha")
    assert mine["booked_above_staffed"] == "fail"
    assert {*mine} == {*found} == {rule.id for rule in RULES} | {DECISIONS}


def test_a_threshold_changes_without_another_run(twice: Path, tmp_path: Path) -> None:
    folder = copied(twice, tmp_path)
    before = (folder / "data" / "snapshots" / "current").resolve()
    settings = folder / "network.toml"
    said = settings.read_text()
    assert verdicts(folder, "alpha")["booked_above_staffed"] == "fail"
    table = '\n[[check]]\nrule = "booked_above_staffed"\nthreshold = {}\n'
    settings.write_text(said + table.format(0.5))
    assert check_network(folder, ENVIRON) == []
    assert verdicts(folder, "alpha")["booked_above_staffed"] == "pass"
    settings.write_text(said + table.format(0.49))
    assert verdicts(folder, "alpha")["booked_above_staffed"] == "fail"
    # Half-written, it changes nothing until it is right again.
    settings.write_text(said + table.format('"much"'))
    assert verdicts(folder, "alpha")["booked_above_staffed"] == "fail"
    assert (folder / "data" / "snapshots" / "current").resolve() == before


def test_every_rule_can_be_given_a_threshold() -> None:
    listed = Check.model_json_schema()["properties"]["rule"]["enum"]
    assert {*listed} == {rule.id for rule in RULES} | {DECISIONS}


def test_the_page_needs_nothing_else_and_runs_nothing(twice: Path) -> None:
    with asked(twice, OWN):
        page = site_report.as_page(OWN, "alpha")
    page = page.replace('<link rel="icon" href="data:,">', "")  # An empty mark.
    assert not re.search(
        r"<(script|link|img|iframe|object)|url\(|@import|\son\w+=", page
    )
    assert "=1+1&lt;b&gt;" in page and FORMULA not in page
    for said in ("batches.csv", "line 6", "Resolved", "not applicable", "@media print"):
        assert said in page, said


def test_the_workbook_holds_no_formula_and_the_same_rows(twice: Path) -> None:
    with asked(twice, OWN):
        tables = site_report.parts(OWN, "alpha")
        content = site_report.workbook(tables)
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheets = [n for n in book.namelist() if n.startswith("xl/worksheets/sheet")]
        assert not any(b"<f>" in book.read(name) for name in sheets)
    read = fastexcel.read_excel(content)
    assert read.sheet_names == [part.heading for part in tables]
    first = read.load_sheet(0).to_polars()
    assert first.height == len(tables[0].rows)
    texts = [text for text in first["Read"] if text and "=1+1" in text]
    assert texts and all(text.startswith("'=") for text in texts)


@pytest.mark.parametrize(
    "viewer",
    [
        Viewer("site", site="beta"),
        Viewer("authority", region="ES-CT"),
        Viewer("public"),
        Viewer("auditor"),
    ],
)
def test_nobody_else_may_read_a_sites_report(twice: Path, viewer: Viewer) -> None:
    assert issues(twice, viewer).filter(site="alpha").is_empty()
    with asked(twice, viewer), pytest.raises(HTTPException) as told:
        site_report.report_page("alpha")
    assert told.value.status_code == 404
    with asked(twice, viewer), pytest.raises(HTTPException) as unknown:
        site_report.report_workbook("nowhere")
    assert unknown.value.detail == told.value.detail


@pytest.mark.parametrize("viewer", [OWN, LEAD, Viewer("data_manager")], ids=str)
def test_the_site_the_lead_and_the_data_manager_may(
    twice: Path, viewer: Viewer
) -> None:
    with asked(twice, viewer):
        assert b"batches.csv" in bytes(site_report.report_page("alpha").body)
        assert bytes(site_report.report_workbook("alpha").body)[:2] == b"PK"


def test_the_command_writes_what_that_site_may_see(twice: Path, tmp_path: Path) -> None:
    for name in ("alpha.html", "alpha.xlsx"):
        out = tmp_path / name
        words = ["alpha", str(twice), "--out", str(out)]
        said = CliRunner().invoke(command, words, catch_exceptions=False)
        assert said.stdout.strip() == str(out)
        assert out.stat().st_size > 1000
    words = ["alpha", str(twice), "--json"]
    said = CliRunner().invoke(command, words, catch_exceptions=False)
    tables = {each["heading"]: each for each in json.loads(said.stdout)["tables"]}
    assert tables["To look at"]["rows"]
    assert "beta" not in said.stdout


@pytest.mark.parametrize(
    ("words", "error"),
    [(["alhpa"], "Did you mean"), (["alpha", "--out", "x.pdf"], "must end with")],
)
def test_mistakes_are_said(twice: Path, words: list[str], error: str) -> None:
    done = CliRunner().invoke(command, [*words, str(twice)])
    assert error in str(done.exception)


@pytest.mark.slow
def test_a_refused_row_comes_in_when_the_site_mends_its_file(
    once: Path, tmp_path: Path
) -> None:
    folder = copied(once, tmp_path)
    fixed = BATCHES.format(slug="beta").replace("32/10/2026", "30/10/2026")
    drop(folder, "beta", {"batches.csv": fixed})
    pulled(folder)
    found = issues(folder, LEAD).filter(site="beta", dataset="batch")
    assert found.select("read", "status").rows() == [("32/10/2026", "resolved")]


def test_a_refused_row_comes_in_when_the_mapping_is_mended(
    once: Path, tmp_path: Path
) -> None:
    folder = copied(once, tmp_path)
    drop(
        folder, "beta", {"batches.csv": BATCHES.format(slug="beta").replace("HE", "ZZ")}
    )
    pulled(folder)
    refused = issues(folder, LEAD).filter(site="beta", column="pathway")
    assert refused.height == 4
    own = folder / "sites" / "beta.toml"
    own.write_text(own.read_text().replace('HE = "hosp', 'ZZ = "hosp'))
    pulled(folder)
    found = issues(folder, LEAD).filter(site="beta", column="pathway")
    assert set(found["status"]) == {"resolved"}


def test_a_refused_row_comes_in_when_its_owner_mends_the_rule_and_the_hub_builds(
    once: Path, tmp_path: Path
) -> None:
    """No site is asked: the archive holds what the laboratory said."""
    folder = copied(once, tmp_path)
    own = folder / "sites" / "alpha.toml"
    said = own.read_text()
    own.write_text(said.replace('laboratories = ["lab"]\n', ""))
    rebuild(load_known(folder).network)
    refused = issues(folder, LEAD).filter(site="lab", column="site")
    assert refused.height == 2
    own.write_text(said)
    rebuild(load_known(folder).network)
    found = issues(folder, LEAD).filter(site="lab", column="site")
    assert found["status"].to_list() == ["resolved", "resolved"]


def test_what_was_said_of_a_withdrawn_batch_is_no_news(
    once: Path, tmp_path: Path
) -> None:
    """The file of the run before may lie there for a moment more."""
    folder = copied(once, tmp_path)
    assert STAYS in issues(folder)["batch"].to_list()
    before = (folder / "data/snapshots/current").resolve()
    said = before.read_bytes()
    network = load_known(folder).network
    withdraw(network, named_by(network, "alpha", STAYS), "asked")
    assert not before.exists()
    before.write_bytes(said)
    assert STAYS not in issues(folder)["batch"].to_list()
