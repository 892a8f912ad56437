"""`pocnet`: the command line, answering at once because it imports late.

Data goes to stdout, progress and messages to stderr. Nobody is shown a stack trace for
what happens outside pocnet's own code: a PocnetError is one message that says what to
do next.
"""

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from connectors import ConfigError, PocnetError

FAILED: Final = 1
WRONG: Final = 2
INTERRUPTED: Final = 130
PORT: Final = 8050
_EXIT_CODES: Final = """\b
Exit codes:
    0  all went well
    1  failed
    2  wrong usage or configuration; nothing was run
    3  some sites failed; the others are published
  130  interrupted; nothing half-done is left
"""
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_folder = click.argument("folder", metavar="[DIR]", type=_FOLDER, default=".")
_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_port = click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(1, 65535)
)


def main() -> NoReturn:
    """Run the command line and leave with the exit code that it documents."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        code = cli(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: nothing half-done is left.", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except PocnetError as error:
        click.echo(f"Error: {error}", err=True)
        code = WRONG if isinstance(error, ConfigError) else FAILED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror or error}.", err=True)
        code = FAILED
    _leave(code or 0)


def _leave(code: int) -> NoReturn:
    """End at once: a site that is slow to answer keeps no finished command waiting."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@click.group(
    epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="pocnet")
def cli() -> None:
    """Compare academic sites that make cell therapies.

    A network is a folder: network.toml says what the sites agreed, sites/*.toml where
    each keeps its data and what its words mean.
    """


@cli.command(epilog=_EXIT_CODES)
@click.argument("folder", metavar="DIR", type=_FOLDER)
def init(folder: Path) -> None:
    """Write a network folder to begin with, explained by its comments."""
    from etl.new_network import KEY_VARIABLE, write_network

    for path in write_network(folder, folder.resolve().name):
        click.echo(path)
    click.echo(
        f"Edit these files, set {KEY_VARIABLE} to a secret of your own, "
        f"then run `pocnet config check {folder}`.",
        err=True,
    )


@cli.group()
def config() -> None:
    """Check a network folder, or print what may stand in its files."""


@config.command(epilog=_EXIT_CODES)
@_folder
def check(folder: Path) -> int:
    """Name every mistake in the folder, with its file, line and key."""
    from etl.network import check_network

    problems = check_network(folder, os.environ)
    for problem in problems:
        click.echo(problem)
    found = f"{len(problems)} to mend." if problems else "No mistake found."
    click.echo(found, err=True)
    return WRONG if problems else 0


@config.command(epilog=_EXIT_CODES)
@click.argument("which", type=click.Choice(["network", "site"]), default="site")
def schema(which: str) -> None:
    """Print the JSON Schema of network.toml or of a site's file, for an editor."""
    from etl.settings_schema import network_schema, site_schema

    made = network_schema() if which == "network" else site_schema()
    click.echo(json.dumps(made, indent=2))


@cli.command(epilog=_EXIT_CODES)
@_folder
@click.option("--site", "sites", multiple=True, help="Only this site; may be repeated.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what changed since then (UTC), where a source can tell.",
)
@click.option("--full", is_flag=True, help="Everything, not only what changed.")
@_as_json
def pull(
    folder: Path,
    sites: tuple[str, ...],
    since: datetime | None,
    full: bool,
    as_json: bool,
) -> int:
    """Ask the sites for what is new, check it, and publish it."""
    if since and full:
        raise click.UsageError("--since and --full exclude each other.")
    from dashboard import console
    from etl.collect import Window

    window = Window(f"{since.isoformat()}Z" if since else None, full)
    return console.show(console.pull(folder, sites, window), as_json)


@cli.command(epilog=_EXIT_CODES)
@_folder
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="This machine only: sign-in is not configured.",
)
@_port
def serve(folder: Path, host: str, port: int) -> None:
    """Show the network's dashboard in a browser on this machine."""
    from dashboard.service import serve as run

    run(folder, host, port)


@cli.command(epilog=_EXIT_CODES)
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
@click.option(
    "--dir", "folder", type=_FOLDER, default="demo-network", show_default=True
)
@_port
@_as_json
def demo(*, folder: Path, port: int, serving: bool, as_json: bool, **plan: Any) -> int:
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
            serve(folder, "127.0.0.1", port)
    return code
