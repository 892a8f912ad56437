"""`pocnet lookup`: from a pseudonym back to the record, at the site."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, FOLDER, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("pseudonym")
@click.argument("folder", metavar="[DIR]", type=FOLDER, default=".")
@click.option("--site", "slug", help="The site it is of; not needed for the only one.")
@json_option
def command(pseudonym: str, folder: Path, slug: str | None, as_json: bool) -> int:
    """Lead from a pseudonym back to the site's own number and its record.

    Reads the site's sources with the site's key, so it works only where both are.
    What it prints identifies a patient's batch: it is written to the terminal alone.
    """
    import os

    from dashboard import lookup_console
    from etl.lookup import Lookup, site_here

    site = site_here(folder, slug, os.environ)
    said = pseudonym.removeprefix("record ").strip()
    return lookup_console.show(Lookup(site, said, []), as_json)
