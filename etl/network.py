"""A network folder, read and believed: `network.toml` and one file for each site.

Either everything in it is right and a frozen `Network` comes out, or nothing runs and
every mistake of every file is named at once, with its file, line and key. Nothing here
touches a source system.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from connectors import Source
from etl.access import Mail, filled, mail_of, network_problems
from etl.settings import AgentRules, DatasetRules, SiteFile, SiteInfo, Style
from etl.settings_document import Document, NetworkError, Problem, read_document
from etl.settings_mistakes import Mistake, shape_mistakes, unsettled
from etl.settings_network import (
    ArchivePlace,
    Check,
    Disclosure,
    NetworkFile,
    Product,
    Reporting,
)
from etl.settings_rules import (
    Table,
    anchored,
    site_mistakes,
    slug_mistakes,
    table,
    tables,
)
from etl.settings_secrets import Resolver, plain_secrets
from etl.settings_sharing import Blinding, SignOff
from etl.settings_targets import Known

NETWORK_FILE: Final = "network.toml"
SITES_FOLDER: Final = "sites"
# The hub asks sites, a site asks itself, a desk takes in what others send.
Seat = Literal["hub", "site", "desk"]


@dataclass(frozen=True)
class Former:
    """A key that a site's pseudonyms were once made with."""

    key: str = field(repr=False)
    key_id: str


@dataclass(frozen=True)
class Privacy:
    """How a site's own numbers become pseudonyms; the keys are never printed.

    `former` are the keys before this one, the oldest first, and `sent` are the
    pseudonyms that left the site under them: see `etl.rotation`. Of those that are
    `withdrawn` only marks are known; they keep their pseudonyms too, and stay out.
    """

    key: str = field(repr=False)
    key_id: str
    coarsen: Literal["day", "week"]
    former: tuple[Former, ...] = ()
    sent: frozenset[str] = field(default=frozenset(), repr=False)
    withdrawn: frozenset[str] = frozenset()
    free_text: bool = False


@dataclass(frozen=True)
class Agent:
    """How a site sends for itself; its private keys are at the site and never printed.

    At the hub both are None.
    """

    rules: AgentRules
    signing_key: str | None = field(default=None, repr=False)
    login_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Site:
    """One site: who it is, its systems, how it writes, what is read there.

    Each entry of `datasets` names its source, even where the file left it out.
    `privacy` is None only for published sites, whose numbers are citations. At the
    hub a site with an `agent` has no sources: nobody but itself can ask them.
    """

    slug: str
    info: SiteInfo
    sources: Mapping[str, Source]
    style: Style
    privacy: Privacy | None
    datasets: tuple[DatasetRules, ...]
    agent: Agent | None = None


@dataclass(frozen=True)
class Network:
    """The whole folder, without a mistake and with its secrets filled in."""

    folder: Path
    name: str
    made_up_today: date | None
    reporting: Reporting
    disclosure: Disclosure
    blinding: Blinding
    sign_off: SignOff | None
    products: tuple[Product, ...]
    sites: Mapping[str, Site]
    mail: Mail | None = None
    archive: ArchivePlace | None = None
    checks: tuple[Check, ...] = ()

    def today(self) -> date:
        """The day it is in the network: a made-up one stays on the day it was made."""
        return self.made_up_today or datetime.now(UTC).date()


def load_network(folder: Path, environ: Mapping[str, str]) -> Network:
    """The network of a folder; NetworkError with every mistake if there is one.

    Secrets are looked up in `environ`. A relative path in a site's file starts from
    the folder that file is in, so that a network folder can be moved as a whole.
    """
    drafts = _Drafts(folder, environ)
    if problems := drafts.problems():
        raise NetworkError(problems)
    return drafts.believed(drafts.sites)


def check_network(folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Every mistake of a folder, by file and line; empty when it can be loaded."""
    return _Drafts(folder, environ).problems()


class _Drafts:
    """The files of a folder as they were read, before anything is believed."""

    seat: Seat = "hub"

    def __init__(
        self, folder: Path, environ: Mapping[str, str], sites: str = "*"
    ) -> None:
        self.folder = folder
        self.network = read_document(folder, NETWORK_FILE)
        self.resolver = Resolver(environ)
        self.filled = filled(self.network, self.resolver, ("signals",))
        # Looked up when it is opened; here only whether there is anything to find.
        self.resolver.fill(self.network.data.get("archive"), ("archive",))
        found = (folder / SITES_FOLDER).glob(f"{sites}.toml")
        names = sorted(path.name for path in found)
        self.sites = [_Draft.read(folder, name, environ, self.seat) for name in names]

    def problems(self) -> list[Problem]:
        """What is wrong with any of them."""
        known = self._known()
        found = network_problems(self.network, self.resolver.mistakes)
        for draft in self.sites:
            found += sorted(draft.problems(known), key=lambda problem: problem.line)
        return found

    def believed(self, sites: Iterable["_Draft"]) -> "Network":
        """The network with these of its sites, when nothing is wrong with them."""
        file = NetworkFile.model_validate(self.network.data)
        return Network(
            folder=self.folder,
            name=file.network.name,
            made_up_today=file.network.today,
            reporting=file.reporting,
            disclosure=file.disclosure,
            blinding=file.blinding,
            sign_off=file.sign_off,
            products=file.product,
            sites={draft.slug: draft.site(self.folder) for draft in sites},
            mail=mail_of(self.filled, file),
            archive=file.archive,
            checks=file.check,
        )

    def _known(self) -> Known:
        products = tables(self.network.data.get("product"))
        kinds = {
            draft.slug: str(table(draft.data.get("site")).get("kind", ""))
            for draft in self.sites
        }
        return Known(tuple(str(each.get("product", "")) for each in products), kinds)


@dataclass(frozen=True)
class _Draft:
    """One site's file: as written, and with its secrets filled in where they stand."""

    slug: str
    document: Document
    data: Table
    unresolved: tuple[Mistake, ...]
    seat: Seat

    @classmethod
    def read(
        cls, folder: Path, name: str, environ: Mapping[str, str], seat: Seat
    ) -> "_Draft":
        document = read_document(folder, f"{SITES_FOLDER}/{name}")
        resolver = Resolver(environ)
        data = resolver.fill_site(document.data)
        slug = name.removesuffix(".toml")
        return cls(slug, document, data, (*resolver.mistakes,), seat)

    @property
    def elsewhere(self) -> bool:
        """Whether its secrets are not needed here: who sends for itself keeps them."""
        return self.seat == "desk" or (self.seat == "hub" and "agent" in self.data)

    def problems(self, known: Known) -> list[Problem]:
        """What is wrong with it; a secret that is not there is not judged further."""
        if self.document.problem:
            return [self.document.problem]
        secrets = [*plain_secrets(self.slug, self.document.data), *self.unresolved]
        others = [
            *slug_mistakes(self.slug),
            *shape_mistakes(SiteFile, self.document.data),
            *site_mistakes(self.data, known),
        ]
        absent = self.unresolved if self.elsewhere else ()
        mistakes = [m for m in unsettled(secrets, others) if m not in absent]
        return [self.document.locate(each) for each in mistakes]

    def site(self, folder: Path) -> Site:
        """The site, when there is no problem."""
        file = SiteFile.model_validate(self.document.data)
        return Site(
            slug=self.slug,
            info=file.site,
            sources={} if self.elsewhere else self._sources(folder / SITES_FOLDER),
            style=file.style,
            privacy=self._privacy(file),
            datasets=tuple(self._datasets(file)),
            agent=self._agent(file),
        )

    def _sources(self, here: Path) -> dict[str, Source]:
        sources = {}
        for name, written in table(self.data.get("source")).items():
            options = dict(table(written))
            kind = str(options.pop("kind"))
            options = anchored(kind, options, here)
            sources[name] = Source(self.slug, name, kind, options)
        return sources

    def _privacy(self, file: SiteFile) -> Privacy | None:
        if file.privacy is None:
            return None
        rules, filled = file.privacy, table(self.data.get("privacy"))
        keys = [str(each["key"]) for each in tables(filled.get("former"))]
        former = zip(keys, rules.former, strict=True)
        return Privacy(
            key=str(filled["key"]),
            key_id=rules.key_id,
            coarsen=rules.coarsen,
            former=tuple(Former(key, each.key_id) for key, each in former),
            free_text=rules.free_text,
        )

    def _agent(self, file: SiteFile) -> Agent | None:
        if file.agent is None:
            return None
        written = {} if self.elsewhere else table(self.data.get("agent"))
        secrets = {
            name: str(written[name])
            for name in ("signing_key", "login_key")
            if name in written
        }
        return Agent(file.agent, **secrets)

    def _datasets(self, file: SiteFile) -> Iterable[DatasetRules]:
        only = next(iter(file.source), None)
        filled = tables(self.data.get("dataset"))
        for rules, entry in zip(file.dataset, filled, strict=True):
            update = {"source": rules.source or only, "read": table(entry.get("read"))}
            yield rules.model_copy(update=update)
