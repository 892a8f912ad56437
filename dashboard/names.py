"""What readers call things that the network stores as slugs and codes."""

from dashboard.queries.disclosure import POOLS
from dashboard.queries.publishing import marked
from dashboard.viewer import current_request


def site_name(slug: str) -> str:
    """The site's name where the viewer knows it, a pool's heading, else the slug.

    A site that let the deadline pass is marked, where the network agreed on that.
    """
    names = dict(current_request().about.choices.site)
    if slug not in names:
        return POOLS.get(slug, slug)
    return f"{names[slug]} (unsigned)" if marked(slug) else names[slug]


def site_names(slugs: list[str]) -> str:
    """Several sites in a sentence: names hold commas, so semicolons stand between."""
    return "; ".join(site_name(slug) for slug in slugs)


def may_list(site: str) -> bool:
    """Whether the viewer may see single batches under this heading; a pool has none."""
    viewer = current_request().viewer
    return site not in POOLS and (viewer.role == "lead" or viewer.site == site)


def counts_only(sites: list[str]) -> str:
    """Why these sites are drawn in every rate and their batches are nowhere."""
    send = "sends" if len(sites) == 1 else "send"
    return (
        f"{site_names(sites)} {send} counts by stratum and no batches: the rates are"
        " drawn, but no list of batches, no duration, no single parameter and nothing"
        " that goes by the day can be shown."
    )


def words(code: str) -> str:
    """A code as it is read: `hospital_exemption`, hospital exemption."""
    return code.replace("_", " ")


def some(count: int, one: str, several: str | None = None) -> str:
    """A count with its noun: “1 site”, “2 sites”, “no site”."""
    if count == 1:
        return f"1 {one}"
    plural = several or f"{one}s"
    return f"{count:,} {plural}".replace(",", "\u202f") if count else f"no {one}"
