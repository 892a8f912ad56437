"""A made-up network that is pulled through its own source systems, ready to be seen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from connectors import ConfigError
from connectors.standins import serve
from dashboard.console import bars
from etl.collect import Window
from etl.demo import Plan, demo_environ, generate, standin_sites, write_network
from etl.network import load_network
from etl.run import RunResult, pull

PLAN_FILE: Final = "demo.json"


@contextmanager
def demonstration(folder: Path, plan: Plan) -> Iterator[RunResult]:
    """What pulling the plan's network came to, its source systems answering meanwhile.

    The folder may be that of an earlier demo of the same plan, which is then pulled
    again. ConfigError if it holds anything else: a demo never writes over a network.
    """
    _claim(folder, plan)
    click.echo(f"Making up {plan.sites} sites and {plan.years} years …", err=True)
    world = generate(plan)
    with serve(standin_sites(world)) as address:
        write_network(world, folder, address)
        network = load_network(folder, demo_environ(folder))
        with bars() as progress:
            # Everything, also the second time: the counts are those of the whole.
            result = pull(network, window=Window(full=True), progress=progress)
        yield result


def _claim(folder: Path, plan: Plan) -> None:
    """Note in the folder which plan it holds; it must be empty or hold the same."""
    note = folder / PLAN_FILE
    said = json.dumps(asdict(plan)) + "\n"
    if note.is_file():
        if note.read_text() != said:
            raise ConfigError(
                f"{folder} holds a demo made with {_options(note)}. Use the same "
                "again, choose another folder with --dir, or remove that one."
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder} is there already and is no demo. Choose another folder "
            "with --dir."
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(said)


def _options(note: Path) -> str:
    try:
        plan = json.loads(note.read_text())
        return " ".join(f"--{name} {value}" for name, value in plan.items())
    except (ValueError, AttributeError):
        return "other options"
