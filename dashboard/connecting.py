"""What a person sees who connects a site: proposals, and what there is to be done."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click

from connectors import ConfigError
from etl.contract.schemas import SENT
from etl.contract.words import bare
from etl.network import NETWORK_FILE, SITES_FOLDER, Network, Site
from etl.proposal import Guess, Table
from etl.proposal import propose as proposed
from etl.proposal_columns import Sample
from etl.proposal_draft import Style
from etl.proposal_json import as_data
from etl.proposal_source import file_samples, site_samples
from etl.proposal_toml import entries_text, site_text, source_text
from etl.settings_document import read_document
from etl.settings_kinds import SLUG
from etl.settings_mistakes import unknown
from etl.settings_rules import tables
from etl.site_folder import load_site
from etl.sound import load_sound
from etl.template import template_text, write_template


@dataclass(frozen=True)
class Asked:
    """What a mapping is to be proposed for: a file, or a site of a network folder."""

    target: str
    folder: Path
    dataset: str | None
    source: str | None
    location: str | None

    @property
    def path(self) -> Path | None:
        """The file, if it is one."""
        path = Path(self.target)
        named = path.suffix != "" or len(path.parts) > 1
        return path if path.is_file() or named else None


@dataclass(frozen=True)
class Proposal:
    """The tables looked at, the text for a site's file, and what was unreadable."""

    tables: list[Table]
    text: str
    problems: list[str]


def propose(asked: Asked, out: Path | None, as_json: bool) -> None:
    """Print the proposal, or write it to `out`; on stderr how sure it is."""
    if asked.dataset is not None and asked.dataset not in SENT:
        raise ConfigError(unknown("The dataset", asked.dataset, SENT))
    if out is not None and out.exists():
        raise ConfigError(f"{out} is already there and is left as it is.")
    path = asked.path
    proposal = _for_file(path, asked, out) if path else _for_site(asked)
    if not proposal.tables:
        told = "; ".join(proposal.problems)
        raise ConfigError(told or f"{asked.target} holds no table with columns.")
    for problem in proposal.problems:
        click.echo(f"Problem: {problem}", err=True)
    if as_json:
        click.echo(json.dumps(as_data(proposal.tables), ensure_ascii=False))
    else:
        _put(proposal.text, out)
    for line in _summary(proposal.tables):
        click.echo(line, err=True)


def known_site(folder: Path, slug: str) -> tuple[Network, Site]:
    """A site of a folder with its sources, whatever is wrong with the other sites.

    ConfigError if there is none, or its own file has mistakes. A site that sends for
    itself is looked at where it is: its sources are known there alone.
    """
    sound = load_sound(folder, os.environ)
    sound.expect([slug])
    if slug not in sound.network.sites:
        raise ConfigError(unknown("The site", slug, sound.network.sites))
    if sound.network.sites[slug].agent is not None:
        there = load_site(folder, slug, os.environ)
        return there.network, there.site
    return sound.network, sound.network.sites[slug]


def _for_file(path: Path, asked: Asked, out: Path | None) -> Proposal:
    """A whole site file: its source is the folder that the file is in."""
    problems: list[str] = []
    products, today = _products(asked.folder), datetime.now(UTC).date()
    samples = file_samples(path, problems)
    tables = [*_tables(samples, today, asked.dataset, products)]
    slug = _slug((out or path).stem)
    folder = path.parent.resolve()
    shown = os.path.relpath(folder, out.parent.resolve()) if out else str(folder)
    return Proposal(tables, site_text(tables, slug, source_text(shown)), problems)


def _for_site(asked: Asked) -> Proposal:
    """Entries for a site's file that is there, which says how the site writes."""
    network, site = known_site(asked.folder, asked.target)
    problems: list[str] = []
    samples = site_samples(site, asked.source, asked.location, problems)
    products = [each.product for each in network.products]
    tables = [*_tables(samples, network.today(), asked.dataset, products)]
    style = Style(site.style.decimal, site.style.dates)
    name = f"{SITES_FOLDER}/{asked.target}.toml"
    head = f"# Proposed by `pocnet map` for {name}: put below what is there.\n"
    return Proposal(tables, head + entries_text(tables, asked.source, style), problems)


def _tables(
    samples: Iterable[Sample], today: date, dataset: str | None, products: list[str]
) -> Iterator[Table]:
    for sample in samples:
        table = proposed(sample, today, dataset, products)
        if any(guess.mapped for guess in table.guesses):
            yield table


def _products(folder: Path) -> list[str]:
    """The network's products, where there is a network folder."""
    if not (folder / NETWORK_FILE).is_file():
        return []
    listed = tables(read_document(folder, NETWORK_FILE).data.get("product"))
    return [str(each["product"]) for each in listed if "product" in each]


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", bare(name)).strip("-") or "site"


def _put(written: str, out: Path | None) -> None:
    if out is None:
        click.echo(written, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(written, encoding="utf-8", newline="\n")
        click.echo(out)


def _summary(found: list[Table]) -> Iterator[str]:
    for table in found:
        sure = sum(guess.sure for guess in table.guesses)
        unsure = sum(guess.mapped and not guess.sure for guess in table.guesses)
        left = len(table.guesses) - sure - unsure
        yield (
            f"{table.location}: {', '.join(table.datasets)}; of {len(table.guesses)} "
            f"columns {sure} sure, {unsure} to be looked at, {left} not mapped."
        )
        yield from (_person(guess) for guess in table.guesses if _is_person(guess))


def _is_person(guess: Guess) -> bool:
    return guess.meaning is not None and guess.meaning.person


def _person(guess: Guess) -> str:
    return f'  "{guess.column}" {guess.doubt} ({guess.shape}): not mapped.'


def template(out: Path, folder: Path, slug: str | None) -> None:
    """Write the template; print the file of the site that fills it in, if asked."""
    if slug is not None and not re.match(SLUG, slug):
        raise ConfigError(
            f'"{slug}" is no slug: use only a-z, 0-9 and single hyphens, such as '
            "cell-unit-alpha."
        )
    write_template(out, _products(folder))
    if slug is None:
        click.echo(out)
        return
    click.echo(template_text(slug, out, folder / SITES_FOLDER), nl=False)
    click.echo(f"Written: {out}. Put what is printed into {slug}.toml.", err=True)
