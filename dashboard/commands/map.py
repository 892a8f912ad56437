"""`pocnet map`: a mapping proposed from a sample of what a site has."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("target", metavar="FILE|SITE")
@folder_argument
@click.option("--dataset", help="What the file holds, where that is known.")
@click.option("--source", help="Which source of SITE; not needed where it has one.")
@click.option(
    "--from", "location", help="Which file, table, form or path of SITE's source."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the site's file here; nothing is overwritten.",
)
@json_option
def command(
    target: str,
    folder: Path,
    dataset: str | None,
    source: str | None,
    location: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Propose what each column of a file, or of a site's source, means.

    Prints a site's file to be looked through: what is not sure is written as a comment
    with its reason, and what only a person can say is marked. No value of a column that
    may tell of a person is shown.
    """
    from dashboard import connecting

    asked = connecting.Asked(target, folder, dataset, source, location)
    connecting.propose(asked, out, as_json)
