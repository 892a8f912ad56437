"""`pocnet run`: pulls one after another, by a timetable."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, INTERRUPTED, folder_argument, metrics_option


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--every", metavar="TIME", help="From start to start, such as 24h or 90m."
)
@click.option("--at", metavar="HH:MM", help="Each day, by this machine's clock.")
@metrics_option
def command(
    folder: Path, every: str | None, at: str | None, metrics: str | None
) -> int:
    """Pull again and again, every 24 hours unless told otherwise, until ended.

    A pull that fails is told on stderr, and the next one goes on. SIGTERM or Ctrl-C
    lets a pull take back what it has begun, and ends with 130.
    """
    if every and at:
        raise click.UsageError("--every and --at exclude each other.")
    from dashboard import log, monitoring, running, timetable

    log.begin()
    try:
        chosen = timetable.time_of_day(at) if at else timetable.length(every or "24h")
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    pulls = monitoring.Pulls(folder)
    if metrics:
        monitoring.answer(pulls.registry, metrics)
    try:
        running.go_on(folder, chosen.first, running.Told(pulls.due, pulls.over))
    except KeyboardInterrupt:
        # Here, because click would write an empty line among those of the log.
        log.say("Interrupted: nothing half-done is left.")
    return INTERRUPTED
