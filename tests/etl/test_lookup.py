import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors import ConfigError
from dashboard.commands.lookup import command
from etl.lookup import Lookup, Place, site_here
from etl.network import Site
from etl.pseudonym import pseudonym
from tests.etl.agents import AT_SITE, site_folder
from tests.etl.drops import ENVIRON, drop, edit, write_network
from tests.etl.sending import PUBLIC

KEY = (ENVIRON["POCNET_KEY_TEST"], "k1")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "network")


def looked_up(site: Site, said: str) -> list[Place]:
    lookup = Lookup(site, said, [])
    places = [*lookup.places()]
    assert not lookup.failures
    return places


def test_a_batch_is_led_back_to_every_line_that_holds_it(network: Path) -> None:
    site = site_here(network, "alpha", ENVIRON)
    assert looked_up(site, pseudonym("alpha-003", "alpha", *KEY)) == [
        Place(
            "batch", "main", "batches.csv", "batch", "alpha-003", ("line 4", "line 5")
        )
    ]
    found = looked_up(site, pseudonym("alpha-001", "alpha", *KEY))
    assert [(p.dataset, p.origin, p.refs) for p in found] == [
        ("batch", "batches.csv", ("line 2",)),
        ("release", "releases.csv", ("line 2",)),
    ]


def test_an_order_a_deviation_a_sample_are_led_back_as_well(network: Path) -> None:
    drop(network, "alpha", {
        "more.csv": "B,O,D,S,Day,V\nalpha-001,P-77,DEV 9,S 1,01/02/2026,80\n"
    })  # fmt: skip
    entries = {
        "demand": 'order_key = "O", ordered = "Day", '
        'product = { constant = "car-t-cd19" }',
        "deviation": 'batch = "B", deviation = "D", opened = "Day", '
        'grade = { constant = "minor" }',
        "result": 'batch = "B", sample = "S", value = "V", '
        'stage = { constant = "final_product" }, '
        'parameter = { constant = "viability" }',
    }
    first = '[[dataset]]\nname = "declared"'
    more = "".join(
        f'[[dataset]]\nname = "{name}"\nfrom = "more.csv"\ncolumns = {{ {columns} }}\n'
        for name, columns in entries.items()
    )
    edit(network, "alpha", first, more + first)
    site = site_here(network, "alpha", ENVIRON)
    wanted = {"P-77": "order_key", "DEV 9": "deviation", "S 1": "sample"}
    for number, column in wanted.items():
        (place,) = looked_up(site, pseudonym(number, "alpha", *KEY))
        assert (place.column, place.number) == (column, number)
        assert (place.origin, place.refs) == ("more.csv", ("line 2",))


def test_what_nobody_has_any_more_is_not_found(network: Path) -> None:
    site = site_here(network, "alpha", ENVIRON)
    assert looked_up(site, pseudonym("beta-001", "beta", *KEY)) == []


def test_a_source_that_is_silent_hides_no_other(network: Path) -> None:
    (network / "drops" / "alpha" / "batches.csv").unlink()
    site = site_here(network, "alpha", ENVIRON)
    lookup = Lookup(site, pseudonym("alpha-001", "alpha", *KEY), [])
    assert [place.dataset for place in lookup.places()] == ["release"]
    assert [failure.source for failure in lookup.failures] == ["main"]


def test_a_former_key_leads_back_what_was_sent_under_it(network: Path) -> None:
    before = 'key = { env = "POCNET_KEY_TEST" }\nkey_id = "k1"\n'
    after = 'key = { env = "NEXT" }\nkey_id = "k2"\n'
    said = pseudonym("alpha-001", "alpha", *KEY)
    edit(network, "alpha", before, after)
    environ = ENVIRON | {"NEXT": "the next key"}
    with pytest.raises(ConfigError, match=r"key k1, and sites/alpha\.toml lists k2"):
        looked_up(site_here(network, "alpha", environ), said)
    edit(network, "alpha", after, f"{after}[[privacy.former]]\n{before}")
    assert looked_up(site_here(network, "alpha", environ), said)


@pytest.mark.parametrize("said", ["alpha-001", "k1-xyz", "", "k1-0123456789abcde"])
def test_what_is_no_pseudonym_is_said_to_be_none(network: Path, said: str) -> None:
    with pytest.raises(ConfigError, match="no pseudonym"):
        looked_up(site_here(network, "alpha", ENVIRON), said)


def test_of_several_sites_one_has_to_be_named(network: Path) -> None:
    with pytest.raises(ConfigError, match="--site: alpha, beta, gamma"):
        site_here(network, None, ENVIRON)
    with pytest.raises(ConfigError, match="alpha"):
        site_here(network, "alhpa", ENVIRON)


def test_the_key_of_a_site_that_sends_for_itself_is_not_at_the_hub(
    tmp_path: Path,
) -> None:
    network = write_network(tmp_path / "network", ("alpha",))
    edit(network, "alpha", "[style]", f'[agent]\npublic_key = "{PUBLIC}"\n[style]')
    with pytest.raises(ConfigError, match="sends for itself, and its key is not here"):
        site_here(network, "alpha", {})


def test_at_a_site_that_sends_for_itself_its_own_folder_is_enough(
    tmp_path: Path,
) -> None:
    network = site_folder(tmp_path / "own", "out")
    site = site_here(network, None, AT_SITE)
    (first, *_) = looked_up(site, pseudonym("alpha-001", "alpha", *KEY))
    assert (first.number, first.refs) == ("alpha-001", ("line 2",))


def test_a_record_is_led_back_by_its_own_key_too(tmp_path: Path) -> None:
    network = write_network(tmp_path / "network", ("alpha",))
    with closing(sqlite3.connect(tmp_path / "lims.db")) as base:
        base.execute("create table batches (id, Batch, Start, Harvest, End, Path)")
        base.execute(
            "insert into batches values ('R 7', 'A-1', '01/02/2026', null, null, 'EC')"
        )
        base.commit()
    lims = f'kind = "sql"\nfile = "{tmp_path / "lims.db"}"'
    edit(network, "alpha", 'kind = "files"\nfolder = "../drops/alpha"', lims)
    table = 'from = "batches"\nread = { key = "id" }'
    edit(network, "alpha", 'from = "batches*.csv"', table)
    edit(network, "alpha", 'from = "releases.csv"', 'from = "releases"')
    edit(network, "alpha", 'from = "declared.csv"', 'from = "declared"')
    site = site_here(network, None, ENVIRON)
    lookup = Lookup(site, pseudonym("R 7", "alpha", *KEY), [])
    (place,) = lookup.places()
    assert (place.column, place.number) == ("record", "R 7")
    assert place.refs == ("record R 7",)


def test_the_terminal_gets_the_number_and_a_warning(network: Path) -> None:
    said = pseudonym("alpha-003", "alpha", *KEY)
    arguments = [f"record {said}", str(network), "--site", "alpha"]
    run = CliRunner().invoke(command, arguments, env=ENVIRON, standalone_mode=False)
    assert run.return_value == 0
    assert run.stdout == (
        "batch alpha-003 in dataset batch: source main, batches.csv, line 4, line 5\n"
    )
    assert "do not send them on" in run.stderr


def test_the_terminal_says_when_nothing_was_found(network: Path) -> None:
    arguments = ["k1-0123456789abcdef", str(network), "--site", "alpha", "--json"]
    run = CliRunner().invoke(command, arguments, env=ENVIRON, standalone_mode=False)
    assert run.return_value == 1
    assert run.stdout == ""
    assert "No record that site alpha has now" in run.stderr
