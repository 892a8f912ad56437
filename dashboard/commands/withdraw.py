"""`pocnet withdraw`: a site's right to have a batch forgotten."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("site")
@click.argument("pseudonym")
@folder_argument
@click.option("--reason", required=True, help="Why, in words that name nobody; kept.")
@click.option("--yes", is_flag=True, help="Do it; without this it is only shown.")
@click.option("--lift", is_flag=True, help="Let it in again when the site sends it.")
@json_option
def command(
    site: str,
    pseudonym: str,
    folder: Path,
    reason: str,
    yes: bool,
    lift: bool,
    as_json: bool,
) -> int:
    """Take back a batch, or an order with its batches, that SITE has withdrawn.

    Shows what would go, and with --yes writes every bundle that names it anew without
    it, makes the warehouse and the snapshot again, and says what remains where. What
    the site sends of it later is refused until the withdrawal is lifted.
    """
    from dashboard import withdrawal_console

    if lift:
        return withdrawal_console.lift(folder, (site, pseudonym), reason, as_json)
    asked = withdrawal_console.Asked(site, pseudonym, reason, yes)
    return withdrawal_console.withdraw(folder, asked, as_json)
