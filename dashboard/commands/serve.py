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
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that answer side by side: one a core for many viewers.",
)
def command(
    folder: Path, host: str, port: int, metrics: str | None, workers: int
) -> None:
    """Show the network's dashboard in a browser."""
    from dashboard.service import serve, side_by_side

    if workers == 1:
        serve(folder, host, port, metrics)
    else:
        side_by_side(folder, host, port, workers, metrics)
