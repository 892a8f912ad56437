"""REDCap: the records of one form, over the project's API.

Written against REDCap's own API help and what its users report. Its answers need
distrust: everything is text, one sparse table holds every event and repetition, a
crash comes as `200 OK`, and a column the token may not see is left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl
from pydantic import Field, SecretStr

from connectors._http import Client
from connectors._page import Extract, Page, Source
from connectors._redcap_project import Project, after
from connectors._resume import begun, resume_at, resumed
from connectors._settings import Settings, TimeZone, WebAddress, settings


class Options(Settings):
    """Where the project's API answers; a token belongs to one user and one project.

    `time_zone` is the server's: REDCap writes down and compares local times.
    """

    url: WebAddress
    token: SecretStr
    time_zone: TimeZone = "UTC"
    requests_per_minute: int = Field(default=60, ge=1)


class Read(Settings):
    """Which rows and fields of the form are wanted; all of them if nothing is said."""

    event: str | None = None
    fields: tuple[str, ...] = Field(default=(), max_length=400)


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of the form `extract.location`, up to 500 records a page.

    Record names are read first, then the records by name, fewer at a time where the
    server cannot give so many. With `since` only records that the project's log
    shows as changed, an hour early; those it shows as deleted, or that have no row on
    the form any more, are `gone`. A column that the form has and the answer has not
    is a SourceError, as is a project without records.
    """
    place = resumed(source, since)
    since = place["since"] if place else since
    read = settings(Read, extract.options, f"dataset {extract.dataset}.read")
    with _client(source) as client:
        project = _project(source, client)
        form = project.form(extract.location, read.event, read.fields)
        start = place["begun"] if place else begun(client.clock)
        names, gone = project.changed(since) if since else (project.names(), ())
        left = after(names, place["after"]) if place else names
        told = () if place else gone
        for rows, asked in project.batches(form, left):
            page = form.page(rows, start, asked if since else ())
            at = resume_at(since=since, begun=start, after=asked[-1])
            yield replace(page, gone=(*told, *page.gone), resume=at)
            told = ()
        if not left:
            yield replace(form.page([], start), gone=told)


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all records there are now, whichever form they have rows on."""
    with _client(source) as client:
        names = _project(source, client).names()
    yield pl.Series("ref", [f"record {name}" for name in names], pl.String)


def _client(source: Source) -> Client:
    options = settings(Options, source.options, f"source.{source.name}")
    secret = options.token.get_secret_value()
    return Client(source, per_minute=options.requests_per_minute, secrets=[secret])


def _project(source: Source, client: Client) -> Project:
    options = settings(Options, source.options, f"source.{source.name}")
    token = options.token.get_secret_value()
    return Project(source, client, options.url, token, options.time_zone)
