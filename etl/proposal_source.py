"""Samples to propose a mapping from: of a file, or of what a site's source holds."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from connectors import (
    ConfigError,
    Extract,
    Page,
    PocnetError,
    Source,
    SourceError,
    open_source,
)
from etl.network import Site
from etl.proposal_columns import Sample
from etl.proposal_layout import OTHERS, TEXTS, WORKBOOKS, Layout, layouts

_ROWS: Final = 5_000


Problems = list[str]


def file_samples(
    path: Path, problems: Problems, site: str = "-", source: str = "main"
) -> Iterator[Sample]:
    """The first rows of each table of a file, read as a pull would read them.

    A table that cannot be read so is a problem, and the others are read.
    """
    if not path.is_file():
        raise ConfigError(f"There is no file {path}.")
    where = Source(site, source, "files", {"folder": str(path.parent.resolve())})
    with _noted(problems):
        for layout in layouts(path):
            page = None
            with _noted(problems):
                page = _page(where, _location(path.name, layout), layout)
            if page is not None and page.frame.width > 1:
                yield _sample(page, _location(path.name, layout), layout)


@contextmanager
def _noted(problems: Problems) -> Iterator[None]:
    try:
        yield
    except PocnetError as error:
        problems.append(str(error))


def site_samples(
    site: Site, source: str | None, location: str | None, problems: Problems
) -> Iterator[Sample]:
    """The first rows of what a site's source holds, or of one place in it.

    A folder of files is looked through; elsewhere `location` says what to read (a
    table, a form, a path), unless the site's file already does.
    """
    where = _source(site, source)
    folder = where.options.get("folder")
    if where.kind == "files" and isinstance(folder, str):
        yield from _folder_samples(where, Path(folder), location, problems)
        return
    known = [d for d in site.datasets if d.source == where.name]
    read = {d.location: d.read for d in known}
    places = [location] if location else list(read)
    if not places:
        raise ConfigError(
            f'Which table, form or path of the source "{where.name}" is to be looked '
            "at? Name it with --from."
        )
    for place in places:
        page = None
        with _noted(problems):
            page = _page(where, place, Layout(read.get(place, {})))
        if page is not None:
            yield Sample(page.frame.head(_ROWS), place, read.get(place, {}))


def _source(site: Site, name: str | None) -> Source:
    if name is None and len(site.sources) == 1:
        return next(iter(site.sources.values()))
    if name is not None and name in site.sources:
        return site.sources[name]
    known = ", ".join(site.sources) or "none"
    raise ConfigError(
        f"Which source of {site.slug}? Name it with --source; known: {known}."
    )


def _folder_samples(
    where: Source, folder: Path, location: str | None, problems: Problems
) -> Iterator[Sample]:
    if not folder.is_dir():
        raise where.error(f"there is no folder {folder.name!r}; check `folder`")
    pattern = (location or "*").partition("#")[0]
    known = (*TEXTS, *WORKBOOKS, *OTHERS)
    paths = [
        path
        for path in sorted(folder.glob(pattern))
        if path.is_file()
        and path.suffix.lower() in known
        and not path.name.startswith((".", "~$"))
    ]
    if not paths:
        raise where.error(f"no file matches {pattern!r} in the folder {folder.name!r}")
    for path in paths:
        yield from file_samples(path, problems, where.site, where.name)


def _page(where: Source, location: str, layout: Layout) -> Page:
    pages = open_source(where)(Extract("-", location, layout.read), None)
    page = next(pages, None)
    if page is None:
        raise SourceError(f"{location} is empty", site=where.site, source=where.name)
    return page


def _location(name: str, layout: Layout) -> str:
    return glob.escape(name) + (f"#{layout.sheet}" if layout.sheet else "")


def _sample(page: Page, location: str, layout: Layout) -> Sample:
    return Sample(page.frame.head(_ROWS), location, layout.read, layout.above)
