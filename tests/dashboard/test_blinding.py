"""A site among its peers: nothing tells who is who, until both of a pair agree."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from dashboard import queries, unblinding
from dashboard.consents import KIND
from dashboard.filters import Filters
from dashboard.pages import _blinded
from dashboard.proposals import NotWrittenError
from dashboard.rates import compared
from dashboard.viewer import Viewer
from tests.dashboard.pages.altered import only
from tests.dashboard.releases import Releases
from tests.demo import LEAD, PUBLIC, Demo

A, B, C = (Viewer("site", site=s) for s in ("rhodanie", "manzanera", "vesuvina"))
OTHERS = (LEAD, PUBLIC, Viewer("authority", region="ES30"), Viewer("data_manager"))
SIX = ("rhodanie", "manzanera", "vesuvina", "havelmark", "turiana", "lutecine")


@pytest.fixture(scope="module")
def published(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A network that nobody writes in."""
    network = Releases(demo, tmp_path_factory.mktemp("blinded"))
    network.publish()
    return network


@pytest.fixture
def network(demo: Demo, tmp_path: Path) -> Releases:
    network = Releases(demo, tmp_path)
    network.publish()
    return network


def seen(
    network: Releases, viewer: Viewer, filters: Filters | None = None
) -> pl.DataFrame:
    with network.asked_by(viewer) as everything:
        return _blinded.blinded(viewer, filters or everything)


def marks(frame: pl.DataFrame, who: str) -> list[str]:
    return frame.filter(who=who)["mark"].to_list()


def alias_of(network: Releases, viewer: Viewer, site: Viewer) -> str:
    """What only a reader of the key knows: under which alias a site is shown."""
    with network.asked_by(viewer):
        return next(
            alias
            for alias in marks(queries.blinded(viewer), "peer")
            if queries.behind(viewer, alias) == site.site
        )


def asks(network: Releases, who: Viewer, of: Viewer) -> None:
    alias = alias_of(network, who, of)
    with network.asked_by(who):
        unblinding.ask(alias, "to learn from each other")


def agrees(network: Releases, who: Viewer, with_site: Viewer) -> None:
    with network.asked_by(who):
        unblinding.agree(with_site.site or "", "we know them well")


def test_no_number_of_a_peer_and_no_name_is_in_what_a_site_gets(
    published: Releases,
) -> None:
    frame = seen(published, A)
    said = json.dumps(frame.to_dicts())
    assert len(marks(frame, "peer")) == 21
    assert marks(frame, "own") == ["rhodanie"]
    for site in published.sites:
        assert site == A.site or site not in said
    # The only figures are the aliases' own and those of the limits' names.
    numbers = re.sub(r"Peer \d+|99\.8 %|95 %|low\d+|high\d+", "", said)
    assert re.findall(r"\d", numbers) == []


def test_what_is_shown_is_what_the_funnel_of_the_lead_says(published: Releases) -> None:
    with published.asked_by(LEAD) as filters:
        true = dict(compared(LEAD, filters).select("site", "flagged").rows())
    frame = seen(published, A)
    assert (
        frame.filter(who="own")["step"].to_list() == [true["rhodanie"]] == ["high998"]
    )
    with published.asked_by(A):
        steps = {
            queries.behind(A, m): s for m, s in frame.select("mark", "step").rows()
        }
    steps.pop(None)
    assert steps == {s: true[s] for s in steps}
    assert {s for s, step in steps.items() if step == "high998"} >= {"manzanera"}


def test_no_filter_gives_a_clue_more(published: Releases) -> None:
    whole = seen(published, A)
    for filters in (
        Filters(product=("car-t-cd7",)),
        Filters(start="2026-10"),
        Filters(definition="any"),
        Filters(site=("rhodanie",)),
        Filters(site=("manzanera",), extra={"width": "additive"}),
    ):
        assert seen(published, A, filters).equals(whole)


@pytest.mark.parametrize("viewer", OTHERS, ids=str)
def test_only_sites_are_shown_peers_one_by_one(
    published: Releases, viewer: Viewer
) -> None:
    assert seen(published, viewer).is_empty()
    with published.asked_by(viewer):
        assert queries.behind(viewer, "Peer 1") is None


def test_a_site_that_is_not_compared_is_no_mark(published: Releases) -> None:
    with published.asked_by(A):
        found = {queries.behind(A, f"Peer {i}") for i in range(1, 30)}
    assert found.isdisjoint({"elbmarsch", "skanelund", "rhodanie"})


def test_two_readers_and_two_releases_get_aliases_that_have_nothing_in_common(
    network: Releases,
) -> None:
    first = {s: alias_of(network, A, s) for s in (B, C)}
    other = {s: alias_of(network, B, s) for s in (A, C)}
    before = steps_by_alias(network)
    network.publish()
    after = steps_by_alias(network)
    assert sorted(before) == sorted(after)
    # 21 aliases keep their place with chance 1 / 21 each: all by far not.
    assert sum(before[a] == after[a] for a in before) < len(before) / 2
    assert first and other


def steps_by_alias(network: Releases) -> dict[str, str | None]:
    with network.asked_by(A):
        return {a: queries.behind(A, a) for a in marks(queries.blinded(A), "peer")}


def test_the_same_reader_of_the_same_release_sees_the_same(network: Releases) -> None:
    assert seen(network, A).equals(seen(network, A))


@pytest.mark.parametrize("sites", [SIX[:5], SIX[:2], SIX[:1]])
def test_fewer_than_five_peers_are_never_shown_one_by_one(
    network: Releases, sites: tuple[str, ...]
) -> None:
    network.publish(only(*sites))
    frame = seen(network, A)
    assert marks(frame, "peer") == []
    assert "Peer" not in json.dumps(frame.to_dicts())


def test_in_bands_what_stands_of_size_is_that_of_the_band(network: Releases) -> None:
    network.publish(blinding={"way": "bands", "bands": 2})
    with network.asked_by(A):
        shared = queries.sharing()
    # 22 sites: the meter finds that bands tell too much, and takes the stricter way.
    assert (shared.asked, shared.way) == ("bands", "z")
    assert not shared.meters["bands"].holds
    assert shared.meters["z"].holds
    assert seen(network, A)["batches"].null_count() == 22


def test_with_the_pool_nobody_is_shown_one_by_one(network: Releases) -> None:
    network.publish(blinding={"way": "pool", "bands": 2})
    assert marks(seen(network, A), "peer") == []
    assert marks(seen(network, A), "own") == ["rhodanie"]


def test_a_site_that_publishes_to_fewer_than_all_is_no_mark(network: Releases) -> None:
    network.choose("manzanera", "batches", "lead")
    network.publish()
    assert len(marks(seen(network, A), "peer")) == 20
    assert "manzanera" not in steps_by_alias(network).values()


def test_one_that_asks_learns_nothing_until_the_other_agrees(network: Releases) -> None:
    before = seen(network, A)
    asks(network, A, B)
    assert seen(network, A).equals(before)
    with network.asked_by(B):
        assert [w.site for w in unblinding.asked_of(B)] == ["rhodanie"]
    # Whoever is asked learns who asks, and not which mark it is.
    assert "rhodanie" not in json.dumps(seen(network, B).to_dicts())
    with network.asked_by(C):
        assert unblinding.asked_of(C) == ()


def test_both_that_agree_see_each_other_and_nobody_else_sees_more(
    network: Releases,
) -> None:
    third = seen(network, C)
    asks(network, A, B)
    agrees(network, B, A)
    names = dict(network.demo.rows("select site, name from site").iter_rows())
    assert marks(seen(network, A), "named") == [names["manzanera"]]
    assert marks(seen(network, B), "named") == [names["rhodanie"]]
    assert seen(network, C).equals(third)
    for viewer in OTHERS:
        assert seen(network, viewer).is_empty()


@pytest.mark.parametrize("taker", [A, B], ids=str)
def test_either_takes_it_back_and_both_are_unnamed_again(
    network: Releases, taker: Viewer
) -> None:
    before = {v: seen(network, v) for v in (A, B)}
    asks(network, A, B)
    agrees(network, B, A)
    with network.asked_by(taker):
        (word,) = unblinding.own(taker)
        unblinding.take_back(word.number, "a change of mind")
    assert all(seen(network, v).equals(before[v]) for v in (A, B))


def test_a_consent_that_another_wrote_unblinds_nothing(network: Releases) -> None:
    before = seen(network, A)
    asks(network, A, B)
    for who in ("site:rhodanie", "lead", "site:vesuvina", "public"):
        body = {"to": "rhodanie", "alias": ""}
        network.journal.write(who, KIND, "manzanera", body, "forged")
    assert seen(network, A).equals(before)


def test_nobody_agrees_with_a_site_that_did_not_ask(network: Releases) -> None:
    with network.asked_by(B):
        for site in ("rhodanie", "vesuvina", "no-such-site", "manzanera"):
            with pytest.raises(NotWrittenError, match=re.escape(unblinding.UNKNOWN)):
                unblinding.agree(site, "why not")


@pytest.mark.parametrize("alias", ["Peer 0", "Peer 99", "manzanera", "", "Peer 01"])
def test_an_alias_that_is_none_is_answered_like_any_other(
    network: Releases, alias: str
) -> None:
    with network.asked_by(A), pytest.raises(NotWrittenError, match="nobody here"):
        unblinding.ask(alias, "to see")


@pytest.mark.parametrize("viewer", OTHERS, ids=str)
def test_only_a_site_asks_agrees_or_takes_back(
    network: Releases, viewer: Viewer
) -> None:
    with network.asked_by(viewer):
        for deed in (
            lambda: unblinding.ask("Peer 1", "why"),
            lambda: unblinding.agree("rhodanie", "why"),
            lambda: unblinding.take_back(1, "why"),
        ):
            with pytest.raises(NotWrittenError):
                deed()
    assert network.journal.read() == ()


def test_nobody_takes_back_the_word_of_another(network: Releases) -> None:
    asks(network, A, B)
    (entry,) = network.journal.read()
    with network.asked_by(C), pytest.raises(NotWrittenError):
        unblinding.take_back(entry.id, "not mine")
    network.journal.write(
        "site:vesuvina", KIND, "vesuvina", {"takes_back": entry.id}, ""
    )
    with network.asked_by(B):
        assert len(unblinding.asked_of(B)) == 1


def test_nothing_is_written_without_a_reason(network: Releases) -> None:
    with network.asked_by(A), pytest.raises(NotWrittenError, match="why"):
        unblinding.ask(marks(queries.blinded(A), "peer")[0], "  ")


def test_pairs_that_agree_never_leave_four_unnamed(network: Releases) -> None:
    network.publish(only(*SIX, "malarvik"))
    with network.asked_by(A):
        assert len(marks(queries.blinded(A), "peer")) in (0, 6)
    for site in ("manzanera", "vesuvina"):
        for who, to in ((A.site or "", site), (site, A.site or "")):
            body = {"to": to, "alias": ""}
            network.journal.write(f"site:{who}", KIND, who, body, "agreed")
    frame = seen(network, A)
    assert len(marks(frame, "named")) == 2
    assert marks(frame, "peer") == []
