"""`pocnet template`: the workbook for a site that has no system."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="template.xlsx",
    show_default=True,
    help="Write the workbook here; nothing is overwritten.",
)
@click.option("--site", "slug", help="Print the file by which this site is read, too.")
def command(folder: Path, out: Path, slug: str | None) -> None:
    """Write the workbook that a site without a system fills in.

    One sheet a dataset, with drop-downs, units, notes and an example that is never
    read. The products are those of the network folder DIR, if it is one.
    """
    from dashboard import connecting

    connecting.template(out, folder, slug)
