"""A site's own folder behind its firewall, and the hub that it sends to."""

from collections.abc import Mapping
from pathlib import Path

from etl.agent import Sending, send
from etl.site_folder import SiteFolder, load_site
from tests.etl.drops import BATCHES, DECLARED, ENVIRON, NETWORK, RELEASES, SITE, drop
from tests.etl.sending import PRIVATE, PUBLIC

AT_SITE = {
    "POCNET_KEY_AT_ALPHA": ENVIRON["POCNET_KEY_TEST"],
    "POCNET_SIGNING_KEY_ALPHA": PRIVATE,
}
AGENT = """[agent]
public_key = "{public}"
signing_key = {{ env = "POCNET_SIGNING_KEY_ALPHA" }}
send = "{to}"
{more}
[style]"""


def site_folder(folder: Path, to: str, more: str = "") -> Path:
    """alpha's folder: the network's file, its own, and what its system left."""
    (folder / "sites").mkdir(parents=True)
    (folder / "network.toml").write_text(NETWORK)
    agent = AGENT.format(public=PUBLIC, to=to, more=more)
    own = SITE.format(slug="alpha").replace("[style]", agent)
    own = own.replace("POCNET_KEY_TEST", "POCNET_KEY_AT_ALPHA")
    (folder / "sites" / "alpha.toml").write_text(own)
    files = {
        "batches.csv": BATCHES.format(slug="alpha"),
        "releases.csv": RELEASES.format(slug="alpha"),
        "declared.csv": DECLARED,
    }
    drop(folder, "alpha", files)
    return folder


def loaded(folder: Path, environ: Mapping[str, str] = AT_SITE) -> SiteFolder:
    return load_site(folder, "alpha", {**AT_SITE, **environ})


def sent(folder: Path, environ: Mapping[str, str] = AT_SITE) -> Sending:
    """What a run of the agent comes to."""
    return send(loaded(folder, environ))
