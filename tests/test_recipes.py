import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.metrics import METRICS
from tests.readme import Block, blocks
from tests.serving import ROOT, free_port, serving_command

POCNET = """\
#!/bin/sh
exec {python} -c "from dashboard.cli import main; main()" "$@"
"""


@dataclass
class House:
    """A copy of the source tree in which somebody follows the recipes to the letter."""

    root: Path
    exported: list[str] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)

    def follow(self, heading: str) -> None:
        """Write each file and run each command of a recipe, in its order."""
        for block in blocks(heading):
            if block.path is not None:
                self.write(block)
            elif block.language == "sh":
                self.run(block.text)

    def write(self, block: Block) -> None:
        path = self.root / str(block.path)
        assert not path.exists(), f"{path} would be overwritten"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)

    def run(self, commands: str) -> None:
        """Run shell commands; what the last one prints as JSON is kept in `said`."""
        self.exported += [c for c in commands.splitlines() if c.startswith("export ")]
        done = subprocess.run(
            ["bash", "-euc", "\n".join([*self.exported, commands])],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if done.stdout.startswith("{"):
            self.said = json.loads(done.stdout)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.root)}

    def counts(self, site: str) -> dict[str, tuple[int, int, int]]:
        """Rows read, good and rejected of each dataset of a site, as pull said."""
        return {
            row["dataset"]: (row["read"], row["good"], row["rejected"])
            for row in self.said["datasets"]
            if row["site"] == site
        }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    root = tmp_path_factory.mktemp("house")
    for folder in ("connectors", "etl", "dashboard", "assets"):
        shutil.copytree(ROOT / folder, root / folder)
    command = root / "bin" / "pocnet"
    command.parent.mkdir()
    command.write_text(POCNET.format(python=sys.executable))
    command.chmod(0o755)
    return House(root)


@pytest.fixture(scope="module")
def with_site(house: House) -> House:
    house.follow("How to add a site")
    return house


@pytest.fixture(scope="module")
def with_connector(with_site: House) -> House:
    with_site.follow("How to add a connector")
    return with_site


@pytest.fixture(scope="module")
def dashboard(with_connector: House) -> Iterator[str]:
    """The dashboard of the copy, once it has the metric and the page too."""
    house = with_connector
    (declaration,) = blocks("How to add a metric")
    declarations = house.root / "dashboard" / "metrics.py"
    before, opening, after = declarations.read_text().partition("_BATCHES = (\n")
    declarations.write_text(before + opening + declaration.text + after)
    house.follow("How to add a page")
    port = free_port()
    command = ["bin/pocnet", "serve", "network", "--port", str(port)]
    with serving_command(command, port, house.root, house.environment) as url:
        yield url


def page(url: str, path: str) -> str:
    """What a browser is sent to show at `path`, as text."""
    whole = next(
        callback
        for callback in httpx.get(f"{url}/_dash-dependencies").json()
        if "_pages_content.children" in callback["output"]
    )
    values = {"pathname": path, "search": ""}
    inputs = [
        {**each, "value": values[each["property"].removesuffix("_")]}
        if each["property"].removesuffix("_") in values
        else each
        for each in whole["inputs"]
    ]
    outputs = [
        {"id": part.rsplit(".", 1)[0], "property": part.rsplit(".", 1)[1]}
        for part in whole["output"].strip(".").split("...")
    ]
    asked = {
        "output": whole["output"],
        "outputs": outputs,
        "inputs": inputs,
        "changedPropIds": [f"{each['id']}.{each['property']}" for each in inputs],
        "state": [],
    }
    return httpx.post(f"{url}/_dash-update-component", json=asked, timeout=60).text


def test_a_site_is_one_file_and_its_rows_arrive(with_site: House) -> None:
    assert with_site.counts("hospital-norte") == {
        "batch": (3, 2, 1),
        "result": (3, 3, 0),
    }


def test_a_connector_is_one_file_and_its_name_is_a_kind(with_connector: House) -> None:
    assert with_connector.counts("cell-unit-sur") == {"batch": (2, 2, 0)}


def test_a_misspelt_key_of_the_new_kind_is_named_like_any_other(
    with_connector: House,
) -> None:
    site = with_connector.root / "network" / "sites" / "cell-unit-sur.toml"
    text = site.read_text()
    site.write_text(text.replace("{ widths =", "{ width ="))
    try:
        with pytest.raises(AssertionError, match='Did you mean "widths"'):
            with_connector.run("pocnet config check network")
    finally:
        site.write_text(text)


def test_a_metric_is_one_declaration_and_stands_in_the_api(dashboard: str) -> None:
    declared = httpx.get(f"{dashboard}/api/v1/metrics").json()
    (new,) = [metric for metric in declared if metric["id"] not in METRICS]
    assert new["id"] == "provisional_share"
    assert len(declared) == len(METRICS) + 1


def test_a_metric_is_one_declaration_and_stands_on_methods(dashboard: str) -> None:
    methods = page(dashboard, "/methods")
    assert '"id":"provisional_share"' in methods
    assert "Released provisionally" in methods


def test_a_page_is_one_file_and_stands_in_the_navigation(dashboard: str) -> None:
    layout = json.dumps(httpx.get(f"{dashboard}/_dash-layout").json())
    assert '"href": "/products"' in layout
    assert httpx.get(f"{dashboard}/products").status_code == 200
    assert "Products with a batch: 1." in page(dashboard, "/products")


def test_a_page_is_one_file_and_its_figure_stands_in_the_api(dashboard: str) -> None:
    cards = httpx.get(f"{dashboard}/api/v1/").json()["cards"]
    assert "/api/v1/cards/products-started" in cards
    lead = httpx.get(f"{dashboard}/api/v1/cards/products-started").json()
    assert [row["count"] for row in lead["rows"]] == [4]
    csv = httpx.get(f"{dashboard}/api/v1/cards/products-started.csv").text
    assert csv.splitlines()[0] == "label,count,state,reason"


@pytest.mark.parametrize("recipe", ["connector", "page"])
def test_the_code_of_a_recipe_is_held_to_the_house_style(recipe: str) -> None:
    for block in blocks(f"How to add a {recipe}"):
        if block.language == "python":
            for check in (["check"], ["format", "--check"]):
                name = ["--stdin-filename", str(ROOT / str(block.path)), "-"]
                done = subprocess.run(
                    [sys.executable, "-m", "ruff", *check, *name],
                    input=block.text,
                    capture_output=True,
                    text=True,
                    cwd=ROOT,
                )
                assert done.returncode == 0, done.stdout + done.stderr
