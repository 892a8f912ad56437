import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, get_args

import click
import dash
import pytest
from dash.development.base_component import Component
from pydantic import BaseModel

from connectors import kinds, options_model, read_model
from dashboard import app
from dashboard.cli import cli
from dashboard.filters import Filters
from dashboard.metrics import METRICS
from dashboard.viewer import Viewer
from etl.new_network import KEY_VARIABLE
from etl.settings import SiteFile
from etl.settings_network import NetworkFile
from tests.demo import Demo
from tests.readme import README, chapter
from tests.serving import ROOT
from tests.test_standards import SOURCES

REFERENCE = "Reference"
FILES = (NetworkFile, SiteFile)


@cache
def readme() -> str:
    return README.read_text()


def sentences(text: str) -> str:
    """Text as it reads, wherever its lines are broken."""
    return " ".join(text.split())


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a setting may hold, however deep in lists and choices."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def keys(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each key of a settings file, inner tables included, and what it means."""
    for name, field in model.model_fields.items():
        inside = [*models(field.annotation)]
        yield field.alias or name, (field.description or "").rstrip(".")
        for inner in inside:
            yield from keys(inner)


TABLES = {
    name: [*models(field.annotation)]
    for file in FILES
    for name, field in file.model_fields.items()
}
KEYS = sorted(
    {key for held in TABLES.values() for model in held for key in keys(model)}
)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_of_the_settings_files_is_listed(table: str) -> None:
    assert re.search(rf"^- `\[+{table}[.\]]", chapter(REFERENCE), re.MULTILINE)


@pytest.mark.parametrize(("key", "meaning"), KEYS)
def test_every_key_of_the_settings_files_is_explained(key: str, meaning: str) -> None:
    assert meaning, "the model says nothing about it"
    assert f"`{key}`: {meaning}" in sentences(chapter(REFERENCE))


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_source_is_listed_with_its_keys(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*$", chapter(REFERENCE), re.MULTILINE)
    for model in (options_model(kind), read_model(kind)):
        for name in model.model_fields:
            assert f"`{name}`" in row


def test_every_environment_variable_is_named() -> None:
    names = {KEY_VARIABLE, *(n for path in SOURCES for n in asked_of(path.read_text()))}
    assert len(names) > 1
    for name in names:
        assert f"`{name}`" in readme() or f'"{name}"' in readme()
    assert "NAME_FILE" in readme()


def asked_of(source: str) -> Iterator[str]:
    """The environment variables that a module names."""
    asks = re.compile(r"environ(\.get|\.setdefault)?$|getenv$")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and asks.search(ast.unparse(node.func)):
            name = node.args[0] if node.args else None
        elif isinstance(node, ast.Subscript) and asks.search(ast.unparse(node.value)):
            name = node.slice
        else:
            continue
        if isinstance(name, ast.Constant):
            yield str(name.value)


@pytest.fixture(scope="module")
def pages() -> list[dict[str, Any]]:
    """Every page of the dashboard, as Dash has it registered."""
    dash.Dash(__name__, use_pages=True, pages_folder="")
    app._import_pages()
    return [p for p in dash.page_registry.values() if "dashboard." in p["module"]]


def test_every_page_is_listed_with_its_address(pages: list[dict[str, Any]]) -> None:
    assert len(pages) >= 9
    for page in pages:
        path = page["path_template"] or page["path"]
        assert re.search(rf"\| `{re.escape(path)}` \|", chapter(REFERENCE)), path


def test_every_metric_stands_on_methods_and_every_figure_names_one(
    pages: list[dict[str, Any]],
) -> None:
    methods = import_module("dashboard.pages.methods")
    shown = methods._reading(Viewer("lead"), Filters())
    anchors = {getattr(part, "id", None) for part in parts(shown)}
    assert anchors >= set(METRICS)
    cards = [card for page in pages for card in page["cards"]]
    assert {card.metric for card in cards} - {None} <= set(METRICS)


def parts(component: Component) -> Iterator[Component]:
    return (each for each in component._traverse() if isinstance(each, Component))


def commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


COMMANDS = dict(commands(cli, "pocnet"))


def options(command: click.Command) -> set[str]:
    return {
        word
        for option in command.params
        if isinstance(option, click.Option)
        for word in (*option.opts, *option.secondary_opts)
    }


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_listed_with_its_options(words: str) -> None:
    (row,) = re.findall(rf"^\| `{words}\b.*$", readme(), re.MULTILINE)
    said = set(re.findall(r"--[a-z-]+", row))
    assert said <= options(COMMANDS[words])
    assert options(COMMANDS[words]) - said <= {"--serve"}


def shown_commands() -> list[str]:
    """The pocnet commands of the README, in its sentences and in its examples."""
    inline = re.findall(r"`(pocnet [^`]+)`", readme())
    fenced = re.findall(r"^```sh\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
    lines = [part for text in fenced for part in re.split(r"&&|\n", text)]
    runs = [re.sub(r"^\S*/pocnet", "pocnet", line.strip()) for line in lines]
    return [*inline, *(run for run in runs if run.startswith("pocnet "))]


def test_every_command_that_is_shown_exists() -> None:
    assert len(shown_commands()) > 8
    for shown in shown_commands():
        words = shlex.split(shown.replace("\\|", "|"))
        names = [words[:2], words[:3]]
        found = [c for name in names if (c := COMMANDS.get(" ".join(name)))]
        assert found, shown
        assert {w for w in words if w.startswith("--")} <= options(found[0]), shown


def test_every_file_that_is_pointed_at_exists() -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", readme())
    paths = re.findall(
        r"`((?:connectors|etl|dashboard|assets|tests)/[^`<>*\s]*)`", readme()
    )
    ours = [t.split("#")[0] for t in targets if "://" not in t and t[0] != "#"]
    made = set(re.findall(r"^`([^`\n]+)`\n\n```", readme(), re.MULTILINE))
    missing = [p for p in (*ours, *paths) if p not in made and not (ROOT / p).exists()]
    assert missing == []


def test_the_planted_truths_are_those_of_the_made_up_network(demo: Demo) -> None:
    rows = re.findall(r"^\|([^|]+)\|([^|]+)\|[^|]+\|$", chapter("Try it"), re.MULTILINE)
    told = {site for _, where in rows for site in re.findall(r"[a-z]{6,}", where)}
    planted = {plant["site"] for plant in demo.truth["plants"]}
    planted |= {*demo.truth["assays"]["assay"], *demo.truth["assays"]["product"]}
    assert {site.split("-")[-1] for site in planted} == told - {"others", "twelve"}
