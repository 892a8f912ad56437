"""`pocnet report`: what a site has to look at in its own rows."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option

OUT = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog=EXIT_CODES)
@click.argument("site")
@folder_argument
@click.option("--out", type=OUT, help="SITE.html, unless named; .html or .xlsx.")
@json_option
def command(site: str, folder: Path, out: Path | None, as_json: bool) -> None:
    """Write what SITE has to look at: refused rows and findings, each with its place.

    A page to print, or a workbook. It holds what that site itself may see, and nothing
    of any other.
    """
    from dashboard import report_console

    report_console.report(folder, site, out, as_json)
