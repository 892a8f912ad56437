"""`pocnet keys`: the pair with which a site signs what it sends."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES


@click.command(epilog=EXIT_CODES)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Make a site's signing key: FILE keeps the private half, the hub gets the other.

    Nobody but this account may read FILE, and a file that is there already is left as
    it is: with another key the hub would know the site no longer.
    """
    from connectors import ConfigError
    from etl.signature import new_key, written_key

    private, public = new_key()
    try:
        written_key(file, private)
    except FileExistsError:
        raise ConfigError(
            f"{file} is already there and is left as it is. Choose another name."
        ) from None
    click.echo(f'public_key = "{public}"')
    click.echo(
        "Put this line into [agent] of the site's file, at the site and at the hub. "
        f"The private key in {file} stays at the site: keep a copy where you keep "
        "passwords.",
        err=True,
    )
