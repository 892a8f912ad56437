"""`pocnet build`: the warehouse and its snapshot, made again from the archive."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--as-of",
    metavar="RUN",
    type=click.IntRange(1),
    help="As it was after this run, in a folder of its own: data/as-of/RUN.",
)
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="What does the work: this machine, or a cluster of Apache Spark.",
)
@click.option("--master", metavar="URL", help="Spark's master, as spark://host:7077.")
@click.option(
    "--conf", metavar="KEY=VALUE", multiple=True, help="A setting of Spark's; repeated."
)
@json_option
def command(
    folder: Path,
    as_of: int | None,
    engine: str,
    master: str | None,
    conf: tuple[str, ...],
    as_json: bool,
) -> int:
    """Make the warehouse again from the archive, and publish; no site is asked."""
    from dashboard import archive_console

    if engine == "duckdb":
        if master or conf:
            raise click.UsageError("--master and --conf go with --engine spark.")
        return archive_console.build(folder, as_of, as_json)
    if as_of or not master:
        raise click.UsageError(
            "--engine spark needs --master, such as spark://host:7077, and makes the "
            "newest state only: leave --as-of to this machine."
        )
    return archive_console.build_on(master, _settings(conf), folder, as_json)


def _settings(conf: tuple[str, ...]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in conf]
    for name, sign, _ in pairs:
        if not (sign and name.startswith("spark.")):
            raise click.UsageError(
                f'"--conf {name}{sign}" is not KEY=VALUE with a setting of Spark\'s, '
                "such as spark.executor.memory=4g."
            )
    return {name: value for name, _, value in pairs}
