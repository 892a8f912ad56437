"""From a pseudonym back to the record: at the site, which alone has the key.

A pseudonym cannot be turned round. The site's own sources are read once more, each
number is hashed under the key that the pseudonym names, and where it comes out the
same is the record. Nothing of it is kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from connectors import ConfigError, Page, PocnetError, SourceError, open_source
from etl.ledger import Failure
from etl.mapping import map_page
from etl.network import SITES_FOLDER, Privacy, Site
from etl.pseudonym import PSEUDONYM, pseudonym_columns, pseudonyms
from etl.settings import DatasetRules
from etl.settings_document import NetworkError, read_document
from etl.settings_mistakes import did_you_mean
from etl.site_folder import load_site
from etl.sound import load_sound

_RECORD = r"(?s)^record (.+?)(?:, event [^,]*)?(?:, instance [^,]*)?$"
_NUMBER, _COLUMN = "number", "column"


@dataclass(frozen=True)
class Place:
    """Where a number stands at the site: what a person there would open.

    `refs` are the lines, rows or records of `origin`; `column` is the contract's name
    for what the number is, or `record` where it is the system's own key.
    """

    dataset: str
    source: str
    origin: str
    column: str
    number: str
    refs: tuple[str, ...]


@dataclass
class Lookup:
    """One pseudonym being looked for at its site; `failures` fills up meanwhile."""

    site: Site
    pseudonym: str
    failures: list[Failure]

    def places(self) -> Iterator[Place]:
        """Every place that holds the number, entry by entry.

        ConfigError for what is no pseudonym, and where its key is not listed. A source
        that does not answer is a failure; the others are looked through.
        """
        privacy = self._privacy()
        for rules in self.site.datasets:
            try:
                yield from self._of(rules, privacy)
            except SourceError as error:
                source = str(rules.source)
                self.failures.append(Failure(self.site.slug, source, error.message))

    def _privacy(self) -> Privacy:
        """The key under which the pseudonym was made, as if it were the only one."""
        if not re.match(PSEUDONYM, self.pseudonym):
            raise ConfigError(
                "That is no pseudonym: one looks like k1-0123456789abcdef, the key's "
                "name and sixteen digits."
            )
        privacy, key_id = self.site.privacy, self.pseudonym.split("-")[0]
        keys = {f.key_id: f.key for f in privacy.former} if privacy else {}
        if privacy:
            keys[privacy.key_id] = privacy.key
        if key_id in keys:
            return Privacy(keys[key_id], key_id, "day")
        listed = ", ".join(keys) or "none"
        raise ConfigError(
            f"The pseudonym was made with the key {key_id}, and sites/"
            f"{self.site.slug}.toml lists {listed}. Only who has that key can look it "
            "up; a key that was changed is listed under [[privacy.former]]."
        )

    def _of(self, rules: DatasetRules, privacy: Privacy) -> Iterator[Place]:
        source = self.site.sources[str(rules.source)]
        for page in open_source(source)(rules.extract, None):
            held = self._held(page, rules, privacy)
            for keys, rows in held.group_by(_COLUMN, _NUMBER, maintain_order=True):
                column, number = map(str, keys)
                refs = tuple(rows["_ref"])
                yield Place(rules.name, source.name, page.origin, column, number, refs)

    def _held(self, page: Page, rules: DatasetRules, privacy: Privacy) -> pl.DataFrame:
        """The number's rows of a page: `column`, `number` and `_ref`."""
        frame = map_page(page, rules, self.site.slug).frame
        columns = [c for c in pseudonym_columns(rules.name) if c in frame.columns]
        record = frame["_ref"].str.extract(_RECORD).alias("record")
        frame = frame.select("_ref", *columns).with_columns(record)
        found = [
            frame.filter(
                pseudonyms(frame[c], self.site.slug, privacy) == self.pseudonym
            )
            .select("_ref", pl.lit(c).alias(_COLUMN), pl.col(c).alias(_NUMBER))
            .unique(maintain_order=True)
            for c in (*columns, "record")
        ]
        return pl.concat(found)


def site_here(folder: Path, slug: str | None, environ: Mapping[str, str]) -> Site:
    """The site whose number is looked for, with its key; by name if there are several.

    ConfigError for a site that sends for itself, in a folder that is not its own: its
    key never left it.
    """
    listed = sorted(path.stem for path in (folder / SITES_FOLDER).glob("*.toml"))
    if slug is None and len(listed) != 1:
        raise ConfigError(
            f"Whose pseudonym is it? Name the site with --site: {', '.join(listed)}."
        )
    slug = slug or listed[0]
    if slug not in listed:
        raise ConfigError(
            f'{folder} has no site "{slug}"{did_you_mean(slug, listed)}. A pseudonym '
            "is looked up where its site's settings and key are."
        )
    if "agent" in read_document(folder, f"{SITES_FOLDER}/{slug}.toml").data:
        return _sending_site(folder, slug, environ)
    sound = load_sound(folder, environ)
    sound.expect([slug])
    return sound.network.sites[slug]


def _sending_site(folder: Path, slug: str, environ: Mapping[str, str]) -> Site:
    try:
        return load_site(folder, slug, environ).site
    except NetworkError as error:
        raise ConfigError(
            f"Site {slug} sends for itself, and its key is not here. Look the "
            f"pseudonym up at the site, in the folder that its agent runs in. ({error})"
        ) from None


def not_found(lookup: Lookup) -> PocnetError:
    """What to say when no place holds the number."""
    silent = "Not every source answered. " if lookup.failures else ""
    return PocnetError(
        f"No record that site {lookup.site.slug} has now carries this pseudonym. "
        f"{silent}It may have been deleted, or be another site's."
    )
