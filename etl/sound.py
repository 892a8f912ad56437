"""The part of a network folder that can be believed when some sites' files cannot.

`load_network` is right for whoever edits the folder: all or nothing. A nightly pull is
another matter: one site's mistake must not stop the other sites' figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.ledger import Failure
from etl.network import NETWORK_FILE, Network, _Drafts
from etl.settings_document import NetworkError, Problem


@dataclass(frozen=True)
class Sound:
    """A network without the sites whose files have mistakes, and the mistakes."""

    network: Network
    problems: tuple[Problem, ...]

    @property
    def failures(self) -> list[Failure]:
        """The mistakes as what kept each of the sites from being asked."""
        return [
            Failure(Path(problem.file).stem, "settings", str(problem))
            for problem in self.problems
        ]

    def expect(self, sites: Sequence[str]) -> None:
        """NetworkError with the mistakes of the sites that were asked for by name."""
        if wrong := [p for p in self.problems if Path(p.file).stem in sites]:
            raise NetworkError(wrong)


def load_sound(folder: Path, environ: Mapping[str, str]) -> Sound:
    """The network of a folder, less the sites whose own files are wrong.

    NetworkError when `network.toml` itself is wrong or no site's file is right.
    """
    return _sound(_Drafts(folder, environ))


def load_desk(folder: Path) -> Network:
    """The same network as it is known without any secret, to take in what is sent.

    No site in it can be asked for anything.
    """
    return load_known(folder).network


def load_known(folder: Path) -> Sound:
    """The same, with the mistakes of the files that were left out."""
    return _sound(_AtDesk(folder, {}))


class _AtDesk(_Drafts):
    """A folder's files, whose secrets are not asked for."""

    seat = "desk"

    def problems(self) -> list[Problem]:
        """What is wrong with them; how e-mail is sent is not looked at."""
        self.resolver.mistakes.clear()
        return super().problems()


def _sound(drafts: _Drafts) -> Sound:
    problems = tuple(drafts.problems())
    wrong = {problem.file for problem in problems}
    right = [draft for draft in drafts.sites if draft.document.file not in wrong]
    if problems and (NETWORK_FILE in wrong or not right):
        raise NetworkError(problems)
    return Sound(drafts.believed(right), problems)
