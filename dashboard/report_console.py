"""A site's report written to a file, as the site itself would read it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from connectors import ConfigError, PocnetError
from dashboard import queries, site_report
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from dashboard.workbook import workbook
from etl.run import data_folder
from etl.settings_mistakes import did_you_mean

KINDS: Final = (".html", ".xlsx")


def report(folder: Path, site: str, out: Path | None, as_json: bool) -> None:
    """Write the report of a site, by the name of the file as a page or a workbook.

    ConfigError for another ending, and for a site that is not in the snapshot.
    """
    target = out or Path(f"{site}.html")
    if target.suffix not in KINDS:
        raise ConfigError(f"{target} must end with {' or '.join(KINDS)}.")
    data, viewer = data_folder(folder), Viewer("site", site=site)
    snapshots = data / "snapshots"
    try:
        about = queries.about(snapshots, viewer)
        everybody = queries.about(snapshots, Viewer("lead")).choices.site
    except queries.NoSnapshotError as error:
        raise PocnetError(f"{folder}: {error}. Run `pocnet pull`.") from None
    sites = [slug for slug, _ in everybody]
    if site not in sites:
        hint = did_you_mean(site, sites)
        raise ConfigError(f'There is no site "{site}" in what was published{hint}.')
    journal = Journal(data / "journal.sqlite")
    with asking(Request(viewer, snapshots, journal, about)):
        _write(viewer, site, target, as_json)


def _write(viewer: Viewer, site: str, target: Path, as_json: bool) -> None:
    if as_json:
        tables = [asdict(part) for part in site_report.parts(viewer, site)]
        click.echo(json.dumps({"site": site, "tables": tables}, indent=1))
        return
    if target.suffix == ".html":
        target.write_text(site_report.as_page(viewer, site), encoding="utf-8")
    else:
        target.write_bytes(workbook(site_report.parts(viewer, site)))
    click.echo(str(target))
