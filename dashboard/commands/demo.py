"""`pocnet demo`: a made-up network, pulled through its own systems and shown."""

from pathlib import Path
from typing import Any

import click

from dashboard.commands import EXIT_CODES, FOLDER, json_option, port_option


@click.command(epilog=EXIT_CODES)
@click.option("--sites", default=24, show_default=True, type=click.IntRange(min=1))
@click.option("--years", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Times as many batches.",
)
@click.option("--serve/--no-serve", "serving", default=True, help="Show the dashboard.")
@click.option("--dir", "folder", type=FOLDER, default="demo-network", show_default=True)
@port_option
@json_option
def command(
    *, folder: Path, port: int, serving: bool, as_json: bool, **plan: Any
) -> int:
    """Make up a network, pull it through its own source systems, and show it."""
    from dashboard import console
    from dashboard.demonstration import demonstration
    from dashboard.service import free_port, serve
    from etl.demo.world import Plan

    if serving:
        free_port("127.0.0.1", port)
    with demonstration(folder, Plan(**plan)) as result:
        code = console.show(result, as_json)
        if serving:
            serve(folder, "127.0.0.1", port, demo=True)
    return code
