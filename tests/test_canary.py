"""Identifiers go into every system, and not one may come out of the site half."""

import json
import logging
import random
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors import _http
from connectors.standins import serve
from dashboard import console
from etl.collect import Window
from etl.settings_secrets import names_a_secret
from tests.etl.canary import (
    SPITEFUL,
    SYSTEMS,
    WAYS,
    Asked,
    Spiteful,
    breaking,
    on_a_server,
)
from tests.etl.canary_search import found, texts
from tests.etl.corpus import FORMS
from tests.etl.drops import ENVIRON, NETWORK

pytestmark = pytest.mark.usefixtures("short_library")

# One of each form. Those of `ANYWHERE` are refused in any column; the others look like
# a lot or a figure where those are at home, and are refused among words.
CHANCE = random.Random(5)
CANARIES = {form: make(CHANCE) for form, make in FORMS.items()}
ANYWHERE = (
    "name", "name with a title", "name with a label", "e-mail address", "NIR",
    "AVS number", "codice fiscale", "resident number", "Single European Code",
    "chain of identity", "hospital number",
)  # fmt: skip
# The contract's column, how the table calls it, what harmlessly stands in it.
COLUMNS = {
    "method": ("metodo", "PCR"),
    "text": ("texto", "negative"),
    "value": ("valor", "97.5"),
    "sampled": ("fecha", "2026-03-02"),
    "spec_version": ("version", "v3"),
}
PSEUDONYMS = {"batch": "lote", "sample": "muestra"}
# Systems that can be asked for their columns, and have any name for one.
NAMING = {"csv", "xlsx", "jsonl", "parquet", "sqlite", "rest", "labkey"}
HARMLESS = 30
SITE = """
[site]
name = "{slug}"
country = "ES"
kind = "manufacturer"
stage = "active"
[privacy]
key = {{ env = "POCNET_KEY_TEST" }}
key_id = "k1"
[source.main]
{source}
[[dataset]]
name = "result"
from = {location}
read = {read}
[dataset.columns]
stage = {{ constant = "final_product" }}
parameter = {{ constant = "viability" }}
unit = {{ constant = "%" }}
{columns}
"""


def planted() -> pl.DataFrame:
    """Rows with one canary in a mapped column, then rows with none in any.

    In each row the key, the batch, the sample and a column that is not mapped name
    somebody, as does the file it stands in.
    """
    rows = []
    for number, (form, said) in enumerate(CANARIES.items()):
        for column in ("metodo", "texto", "version"):
            rows.append(_row(number, said, {column: said}))
        if form in ANYWHERE:
            rows.extend(_row(number, said, {c: said}) for c in ("valor", "fecha"))
    names = list(CANARIES.values())
    for number in range(HARMLESS):
        rows.append(_row(number, names[number % len(names)], {}))
    frame = pl.DataFrame(rows)
    return frame.with_columns(
        id=pl.col("nota") + " " + pl.int_range(pl.len()).cast(pl.String)
    ).select("id", pl.exclude("id"))


def _row(number: int, said: str, more: Mapping[str, str]) -> dict[str, str]:
    harmless = dict(COLUMNS.values())
    names = list(CANARIES.values())
    own = dict.fromkeys(PSEUDONYMS.values(), f"{said} {number}")
    return {**harmless, **own, "nota": said, "file": names[number % 3], **more}


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


class Network:
    """A network folder that is written site by site."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.environ = folder, monkeypatch
        (folder / "sites").mkdir(parents=True)
        (folder / "network.toml").write_text(NETWORK)

    def join(self, slug: str, asked: Asked, **more: str) -> None:
        named = {**PSEUDONYMS, **{ours: name for ours, (name, _) in COLUMNS.items()}}
        columns = {ours: asked.names.get(n, n) for ours, n in {**named, **more}.items()}
        source = {k: self._written(f"{slug}_{k}", v) for k, v in asked.source.items()}
        (self.folder / "sites" / f"{slug}.toml").write_text(
            SITE.format(
                slug=slug,
                source="\n".join(f"{k} = {_toml(v)}" for k, v in source.items()),
                location=_toml(asked.location),
                read=_toml(asked.read),
                columns="\n".join(f"{k} = {_toml(v)}" for k, v in columns.items()),
            )
        )

    def _written(self, name: str, value: object) -> object:
        """A setting as the file may hold it: a secret by its name alone."""
        if not names_a_secret(name):
            return str(value) if isinstance(value, Path) else value
        variable = re.sub(r"\W", "_", name).upper()
        self.environ.setenv(variable, str(value))
        return {"env": variable}


@pytest.fixture
def network(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(places[0], monkeypatch)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Folders that stand for everything a run may write to."""
    folders = [tmp_path / name for name in ("network", "temporary", "home")]
    for folder in folders[1:]:
        folder.mkdir()
    for name, folder in (("TMPDIR", folders[1]), ("HOME", folders[2])):
        monkeypatch.setenv(name, str(folder))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    quick = _http.RETRY.copy_with(total=1, backoff_factor=0.01)
    monkeypatch.setattr(_http, "RETRY", quick)
    yield folders


def leaked(
    places: list[Path], captured: Any, log: pytest.LogCaptureFixture
) -> dict[str, set[str]]:
    """Where any canary was found, and which."""
    said = {"stdout": captured.out, "stderr": captured.err, "log": log.text}
    for folder in places:
        for name, text in texts(folder):
            if not name.startswith("sites"):
                key = f"{folder.name}/{name}"
                said[key] = said.get(key, "") + "\n" + text
    needles = list(CANARIES.values())
    hits = {place: found(needles, text) for place, text in said.items()}
    return {place: names for place, names in hits.items() if names}


def test_a_search_finds_what_is_there(tmp_path: Path) -> None:
    name = CANARIES["name"]
    frame = pl.DataFrame({"a": [name.upper()]})
    frame.write_parquet(tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "b.txt").write_text(name.replace(" ", "_"))
    hits = {n for n, text in texts(tmp_path) if found([name], text)}
    assert hits == {"a.parquet", "b.txt"}


def test_no_identifier_leaves_any_system(
    network: Network,
    places: list[Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    table = planted()
    runs: list[dict[str, tuple[int, int]]] = []
    with ExitStack() as stack:
        for slug, system in SYSTEMS.items():
            home = tmp_path / "systems" / slug
            home.mkdir(parents=True)
            network.join(slug, stack.enter_context(system(home, table)))
        for _ in range(2):
            result = console.pull(places[0], (), Window())
            assert not result.failures
            console.show(result, as_json=True)
            runs.append({c.site: (c.read, c.rejected) for c in result.datasets})
    assert leaked(places, capfd.readouterr(), caplog) == {}
    rejected = table.height - HARMLESS
    assert runs[0] == dict.fromkeys(SYSTEMS, (table.height, rejected))


# What is read and kept is the same whatever the files come over; the words that each
# server has for an error are searched below.
OTHERS = [pytest.param(each, marks=pytest.mark.slow) for each in ("webdav-nginx", "s3")]


@pytest.mark.parametrize("server", ["sftp", *OTHERS])
def test_no_identifier_leaves_a_drop_on_a_server(
    server: str,
    network: Network,
    places: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    home, table = tmp_path_factory.mktemp("drop"), planted()
    with on_a_server(server, home, table) as asked:
        network.join("drop", asked)
        result = console.pull(places[0], (), Window())
    assert not result.failures
    (counts,) = result.datasets
    assert (counts.read, counts.good) == (table.height, HARMLESS)
    assert leaked(places, capfd.readouterr(), caplog) == {}


def test_no_header_of_a_source_is_told_when_a_column_is_gone(
    network: Network,
    places: list[Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    table = planted()
    headed = table.head(3).with_columns(
        pl.lit("x").alias(said) for said in CANARIES.values()
    )
    with ExitStack() as stack:
        for slug, system in SYSTEMS.items():
            home = tmp_path / "systems" / slug
            home.mkdir(parents=True)
            asked = stack.enter_context(system(home, headed))
            network.join(slug, asked, population="gone")
        result = console.pull(places[0], (), Window())
        console.show(result, as_json=False)
    assert leaked(places, capfd.readouterr(), caplog) == {}
    assert {failure.site for failure in result.failures} >= NAMING


def test_what_a_break_leaves_to_go_on_from_names_nobody(
    network: Network,
    places: list[Path],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with breaking(planted()) as asked:
        network.join("labkey", asked)
        result = console.pull(places[0], (), Window())
    assert result.failures
    left = {path.suffix for path in (places[0] / "data" / "spool").rglob("*.*")}
    assert left == {".json", ".parquet"}
    assert leaked(places, capfd.readouterr(), caplog) == {}


def test_no_words_of_a_server_name_anybody(
    network: Network,
    places: list[Path],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    told = list(CANARIES.values())
    servers = {
        f"{kind}-{way}-{number}": Spiteful(told[number], way)
        for kind in SPITEFUL
        for way in WAYS
        for number in range(0, len(told), 12)
    }
    with serve(servers) as address:
        for slug in servers:
            options, location = SPITEFUL[slug.split("-")[0]]
            source = {"kind": slug.split("-")[0], "url": f"{address}/{slug}", **options}
            network.join(slug, Asked(source, location))
        result = console.pull(places[0], (), Window())
        console.show(result, as_json=False)
    assert {failure.site for failure in result.failures} == {*servers}
    assert leaked(places, capfd.readouterr(), caplog) == {}
