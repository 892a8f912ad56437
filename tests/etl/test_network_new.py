import re

import pytest

from connectors import ConfigError
from etl.network import check_network, load_network
from etl.new_network import KEY_VARIABLE, write_network
from etl.settings_schema import network_schema, site_schema


def test_a_new_network_has_no_mistake(tmp_path):
    write_network(tmp_path / "new", 'The "first" network, Málaga')
    environ = {KEY_VARIABLE: "a key"}
    assert check_network(tmp_path / "new", environ) == []
    network = load_network(tmp_path / "new", environ)
    assert network.name == 'The "first" network, Málaga'
    assert list(network.sites) == ["example-site"]


def test_a_new_network_lacks_nothing_but_its_key(tmp_path):
    write_network(tmp_path, "A network")
    (problem,) = check_network(tmp_path, {})
    assert KEY_VARIABLE in problem.message


@pytest.mark.parametrize("there", ["network.toml", "sites/example-site.toml"])
def test_what_is_there_is_never_overwritten(tmp_path, there):
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="already there"):
        write_network(tmp_path, "A network")
    assert path.read_text() == "mine"
    assert [p for p in tmp_path.rglob("*.toml") if p != path] == []


def test_every_key_of_both_files_is_shown(tmp_path):
    text = "".join(path.read_text() for path in write_network(tmp_path, "A network"))
    words = set(re.findall(r"[a-z_]+", text))
    keys = {
        key
        for schema in (network_schema(), site_schema())
        for table in (schema, *schema["$defs"].values())
        for key in table.get("properties", {})
    }
    assert {"threshold", "laboratories", "coarsen", "fraction"} <= keys
    assert keys - words == set()
