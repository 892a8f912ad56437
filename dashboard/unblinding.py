"""Two sites that want to be named to each other: one asks, the other agrees.

Who asks names an alias and never learns whose it was until that site agrees; whoever is
asked learns who asks, which is what asking offers. All of it is in the journal.
"""

from dashboard import queries
from dashboard.consents import KIND, Word, spoken, unanswered
from dashboard.declaring import declare, own_site
from dashboard.proposals import NotWrittenError
from dashboard.viewer import Viewer, current_request

UNKNOWN = "There is nobody here to ask, to agree with, or to take back from."


def asked_of(viewer: Viewer) -> tuple[Word, ...]:
    """The newest word of each site that wants to be named to this one, unanswered."""
    return unanswered(spoken(current_request().journal), viewer.site or "")


def own(viewer: Viewer) -> tuple[Word, ...]:
    """The words of this site that stand."""
    said = spoken(current_request().journal)
    return tuple(word for word in said if word.site == viewer.site)


def ask(alias: str, why: str | None) -> str:
    """Ask the site behind an alias of this release; the sentence of what was done."""
    site = own_site(UNKNOWN)
    to = queries.behind(current_request().viewer, alias)
    if to is None:
        raise NotWrittenError(UNKNOWN)
    release = queries.current().path.stem
    declare(KIND, site, {"to": to, "alias": alias, "release": release}, why)
    return f"It is in the journal: you asked {alias} to be named to each other."


def agree(with_site: str, why: str | None) -> str:
    """Agree with a site that asked; for any other one the words for nobody."""
    site = own_site(UNKNOWN)
    asking = {word.site for word in asked_of(current_request().viewer)}
    if with_site not in asking:
        raise NotWrittenError(UNKNOWN)
    declare(KIND, site, {"to": with_site, "alias": ""}, why)
    return "It is in the journal: you and that site are named to each other."


def take_back(number: int, why: str | None) -> str:
    """Take one's own word back; names are hidden again at once, on both sides."""
    site = own_site(UNKNOWN)
    if number not in {word.number for word in own(current_request().viewer)}:
        raise NotWrittenError(UNKNOWN)
    declare(KIND, site, {"takes_back": number}, why)
    return "It is in the journal: you took your word back."
