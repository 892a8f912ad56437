"""`pocnet serve`: the network's dashboard."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, metrics_option, port_option


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="This machine only, unless network.toml has [sign_in].",
)
@port_option
@metrics_option
def command(folder: Path, host: str, port: int, metrics: str | None) -> None:
    """Show the network's dashboard in a browser."""
    from dashboard.service import serve

    serve(folder, host, port, metrics)
