from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest

from dashboard import log, monitoring, service, shell
from dashboard.access.accounts import Accounts
from dashboard.access.store import Store
from dashboard.journal import Journal
from dashboard.queries import pattern, snapshot
from dashboard.viewer import Viewer
from tests.attacks import walking
from tests.attacks.forging import forged
from tests.attacks.harvester import Walk
from tests.dashboard.republishing import republished
from tests.demo import Demo
from tests.serving import free_port, serving

PASSWORD = "correct horse battery"
REGION, SITE, OTHER = "ES51", "vesuvina", "manzanera"
PEOPLE = {
    "lead": "lead",
    "authority": f"authority:{REGION}",
    "site": f"site:{SITE}",
    "other": f"site:{OTHER}",
    "data_manager": "data_manager",
    "auditor": "auditor",
    "public": "public",
}
# All but the lead, from whom no site's name is kept.
BLINDED = ("authority", "site", "data_manager", "auditor", "public")
# What a site may call itself, and what anybody who writes may write.
HOSTILE = (
    '=HYPERLINK("http://elsewhere.example","<img src=x onerror=document.title=1>")'
)


@dataclass
class Guarded:
    """The made-up network behind its sign-in, in this process, and its way in."""

    demo: Demo
    folder: Path
    app: FastAPI
    url: str
    visits: monitoring.Visits
    lines: io.StringIO
    proposal: int = 0
    walks: dict[str, Walk] = field(default_factory=dict)

    def stranger(self, **headers: str) -> httpx.Client:
        """A browser that nobody has signed in with."""
        return httpx.Client(base_url=self.url, timeout=120, headers=headers)

    def signed_in(self, name: str) -> httpx.Client:
        """A browser with which somebody has just signed in."""
        client = self.stranger()
        form = {"name": name, "password": PASSWORD}
        assert client.post("/sign-in/", data=form).status_code == 303
        return client

    def walk(self, name: str) -> Walk:
        """Everything asked as somebody so far, with the one browser they have."""
        if name not in self.walks:
            self.walks[name] = Walk(self.signed_in(name))
        return self.walks[name]

    def harvest(self, name: str) -> Walk:
        """All that somebody finds who walks everywhere; walked once."""
        walk = self.walk(name)
        if not walk.harvested:
            walking.everywhere(walk, SITE, self.proposal, figures_of(name))
            walk.harvested = True
        return walk

    def forget(self) -> None:
        """Open what was published anew: nothing of it is remembered or kept."""
        snapshot._open.clear()
        snapshot._changing.forget()
        pattern._pattern.cache_clear()
        self.app.state.kept.keep_of(())

    @property
    def snapshot(self) -> Path:
        """The file that everybody is answered from."""
        return self.folder / "data" / "snapshots" / "1.duckdb"

    @property
    def metrics(self) -> str:
        """What a monitoring system reads."""
        return generate_latest(self.visits.registry).decode()

    def sites(self) -> dict[str, tuple[str, str]]:
        """Name and region of each member by its slug."""
        sql = (
            "select site, name, coalesce(region, '-') from site"
            " where kind <> 'published' and not list_contains(?, site)"
        )
        rows = self._rows(sql, [])
        return {slug: (name, region) for slug, name, region in rows}

    def laboratories(self, sites: set[str]) -> set[str]:
        """The laboratories that tested for any of these sites, which so know them."""
        sql = "select distinct laboratory from result where list_contains(?, site)"
        return {name for (name,) in self._rows(sql, [*sites])}

    def batches(self, site: str) -> set[str]:
        """The pseudonyms of a site's batches, and of what deviated in them."""
        sql = (
            "select batch from batch where list_contains(?, site)"
            " union select deviation from deviation where list_contains(?, site)"
        )
        return {name for (name,) in self._rows(sql, [site])}

    def _rows(self, sql: str, sites: list[str]) -> list[tuple[str, ...]]:
        with duckdb.connect(self.snapshot, read_only=True) as database:
            return database.execute(sql, [sites] * sql.count("?")).fetchall()


def figures_of(name: str) -> Callable[[int], Sequence[str]]:
    """As what a role asks for each figure besides its page: JSON, and some as CSV.

    A figure's rows stand on its page too; the public, who is held back most, asks for
    each of them once more.
    """
    turn = BLINDED.index(name)
    records = [""] if name == "public" else []

    def forms(number: int) -> Sequence[str]:
        return [*records, ".csv"] if number % len(BLINDED) == turn else records

    return forms


@pytest.fixture(scope="session")
def guarded(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The dashboard with everybody's account, of which one site has a hostile name."""
    folder, port = tmp_path_factory.mktemp("attacked"), free_port()
    text = (demo.folder / "network.toml").read_text()
    address = f'\n[sign_in]\naddress = "http://127.0.0.1:{port}"\n'
    (folder / "network.toml").write_text(text + address)
    (folder / "data").mkdir()
    published = folder / "data" / "snapshots" / "1.duckdb"
    republished(demo, published)
    with duckdb.connect(published) as database:
        database.execute("update site set name = ? where site = ?", [HOSTILE, SITE])
    accounts = Accounts(Store(folder / "data" / "access.sqlite"))
    for name, viewer in PEOPLE.items():
        accounts.add(name, Viewer.parse(viewer), PASSWORD)
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(log._AsJson())
    logging.getLogger().addHandler(handler)
    app = service.application(folder, {})
    visits = monitoring.Visits(folder, shell.template)
    app.add_middleware(monitoring.Timed, visits=visits)
    with serving(app) as url:
        everybody = Guarded(demo, folder, app, url, visits, lines)
        everybody.proposal = _written(everybody)
        yield everybody
    logging.getLogger().removeHandler(handler)


def _written(guarded: Guarded) -> int:
    """What people write whose words are as hostile; the number of the proposal."""
    lead, site = guarded.walk("lead"), guarded.walk("site")
    forged(lead, "propose-said", propose_name=HOSTILE, propose_version="1",
           propose_author=HOSTILE, propose_effective="2027-01-31",
           propose_rationale=HOSTILE, draft_query="?product=car-t-cd19")  # fmt: skip
    forged(lead, "site-notes", note_text=HOSTILE, note_site=SITE)
    journal = Journal(guarded.folder / "data" / "journal.sqlite")
    (number,) = (entry.id for entry in journal.read("proposal"))
    about = {"proposal_number": str(number)}
    forged(site, "comment-text", comment_text=HOSTILE, **about)
    forged(site, "proposal-written.children..", vote_choice="no", vote_why=HOSTILE,
           **about)  # fmt: skip
    assert len(journal.read()) == 4
    return number
