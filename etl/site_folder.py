"""The folder of a site behind its own firewall: all that its half needs to know.

It holds a copy of `network.toml`, for the network's name and the words of its
products, and the site's own `sites/<slug>.toml` with everything in it. Who else is a
member is nobody's business there: what the file says of other sites is judged by the
hub.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors import ConfigError
from etl.network import SITES_FOLDER, Agent, Network, Site, _Drafts
from etl.settings_document import NetworkError, Problem
from etl.settings_mistakes import Mistake
from etl.settings_rules import Table, table, tables, texts
from etl.settings_targets import Known

_NEEDED = {
    "privacy": "[privacy] is missing: key and key_id make pseudonyms of the site's own "
    "numbers before anything leaves.",
    "agent": "[agent] is missing: it says how the site signs and where it sends. "
    "`pocnet keys FILE` makes the key.",
}
_NEEDED_OF_AGENT = {
    "signing_key": 'signing_key is missing: { env = "NAME" }, with NAME_FILE set to '
    "the file that `pocnet keys` wrote.",
    "send": "send is missing: https://hub, sftp://user@hub/folder, or a folder.",
}


@dataclass(frozen=True)
class SiteFolder:
    """One site as it knows itself, and what it knows of its network."""

    network: Network
    site: Site
    agent: Agent

    @property
    def data(self) -> Path:
        """Where the site keeps what it could not send yet, and what was answered."""
        return self.network.folder / "agent" / self.site.slug


def load_site(folder: Path, slug: str, environ: Mapping[str, str]) -> SiteFolder:
    """The site of this slug; NetworkError with every mistake if there is one."""
    if not (folder / SITES_FOLDER / f"{slug}.toml").is_file():
        raise ConfigError(
            f"{folder / SITES_FOLDER} holds no {slug}.toml. Name the site that this "
            "folder belongs to with --site."
        )
    drafts = _AtSite(folder, environ, slug)
    if problems := drafts.problems():
        raise NetworkError(problems)
    network = drafts.believed(drafts.sites)
    site = network.sites[slug]
    assert site.agent is not None
    return SiteFolder(network, site, site.agent)


class _AtSite(_Drafts):
    """The network's file and one site's, with nothing said about the others."""

    seat = "site"

    def problems(self) -> list[Problem]:
        """What is wrong with them; how the hub sends e-mail is not looked at."""
        self.resolver.mistakes.clear()
        found = super().problems()
        for draft in self.sites:
            if not draft.document.problem:
                found += map(draft.document.locate, _missing(draft.data))
        return found

    def _known(self) -> Known:
        known = super()._known()
        said = {name: kind for d in self.sites for name, kind in _said_of(d.data)}
        return Known(known.products, {**said, **known.sites})


def _missing(site: Table) -> Iterator[Mistake]:
    for name, message in _NEEDED.items():
        if name not in site:
            yield Mistake((name,), message)
    agent = table(site.get("agent"))
    for name, message in _NEEDED_OF_AGENT.items():
        if agent and name not in agent:
            yield Mistake(("agent", name), message)
    if str(agent.get("send")).startswith("sftp:"):
        for name in ("host_key", "login_key"):
            if name not in agent:
                yield Mistake(("agent", name), f"{name} is missing: sftp needs it.")


def _said_of(site: Table) -> Iterator[tuple[str, str]]:
    """Other sites that the file speaks of: its laboratories, and whose results."""
    for _, slug in texts(table(site.get("site")).get("laboratories")):
        yield slug, "testing_laboratory"
    for entry in tables(site.get("dataset")):
        for block in (entry, *tables(entry.get("each"))):
            rule = table(table(block.get("columns")).get("site"))
            for said in (rule.get("constant"), *table(rule.get("codes")).values()):
                if isinstance(said, str):
                    yield said, ""
