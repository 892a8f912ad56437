"""`pocnet units`: services of systemd for one network."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, FOLDER, folder_argument


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option("--user", default="pocnet", show_default=True, help="Who runs them.")
@click.option("--every", default="24h", show_default=True, help="As for pocnet run.")
@click.option("--out", type=FOLDER, help="Write them here instead of printing them.")
def command(folder: Path, user: str, every: str, out: Path | None) -> None:
    """Print the units that pull and show the network in DIR, hardened.

    Nothing is installed: look them through, then put them into /etc/systemd/system.
    """
    from dashboard.units import units

    for name, text in units(folder, user, every).items():
        if out is None:
            click.echo(f"# {name}\n{text}")
            continue
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
        click.echo(out / name)
