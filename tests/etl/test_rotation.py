import threading
from pathlib import Path

import polars as pl
import pytest

from etl.collect import Collection, Window
from etl.network import Former, Privacy, Site, load_network
from etl.pseudonym import pseudonym, pseudonyms
from etl.rotation import Sent, in_bundle, remembering
from etl.run import RunResult, pull
from tests.etl.drops import BATCHES, ENVIRON, drop, edit, write_network
from tests.etl.pulling import rows

ROTATED = ENVIRON | {"POCNET_KEY_NEW": "the next key of the tests"}
OLD, NEW = (ENVIRON["POCNET_KEY_TEST"], "k1"), (ROTATED["POCNET_KEY_NEW"], "k2")
BEFORE = 'key = { env = "POCNET_KEY_TEST" }\nkey_id = "k1"\n'
AFTER = 'key = { env = "POCNET_KEY_NEW" }\nkey_id = "k2"\n'
FORMER = f"[[privacy.former]]\n{BEFORE}"
EVENT = threading.Event()
LATER = "alpha-005,01/11/2026,,,HE\n"


def rotated(folder: Path, *, former: bool = True) -> None:
    """Change alpha's key, and let it have begun one batch more."""
    edit(folder, "alpha", BEFORE, AFTER + (FORMER if former else ""))
    drop(folder, "alpha", {"batches.csv": BATCHES.format(slug="alpha") + LATER})


def asked(folder: Path, window: Window | None = None) -> RunResult:
    return pull(load_network(folder, ROTATED), ["alpha"], window or Window())


def named(number: str, key: tuple[str, str]) -> str:
    return pseudonym(f"alpha-{number}", "alpha", *key)


def batches(result: RunResult) -> set[object]:
    return {
        name
        for site, name in rows(result.snapshot, "batch", "site, batch")
        if site == "alpha"
    }


def test_a_changed_key_doubles_no_batch_and_names_only_new_ones(folder: Path) -> None:
    rotated(folder)
    known = {named(number, OLD) for number in ("001", "002", "003")}
    for window in (Window(), Window(full=True)):
        result = asked(folder, window)
        assert batches(result) == known | {named("005", NEW)}
    released = rows(result.snapshot, "release", "site, batch")
    mine = {name for site, name in released if site == "alpha"}
    assert mine == {named("001", OLD), named("002", OLD)}


def test_without_the_former_key_every_batch_is_another_one(folder: Path) -> None:
    rotated(folder, former=False)
    every = {named(number, NEW) for number in ("001", "002", "003", "005")}
    assert batches(asked(folder)) == every


def test_a_key_changed_twice_keeps_what_each_key_named(folder: Path) -> None:
    rotated(folder)
    asked(folder)
    edit(folder, "alpha", AFTER, 'key = { env = "POCNET_KEY_3" }\nkey_id = "k3"\n')
    edit(folder, "alpha", FORMER, f"{FORMER}[[privacy.former]]\n{AFTER}")
    more = BATCHES.format(slug="alpha") + LATER + LATER.replace("005", "006")
    drop(folder, "alpha", {"batches.csv": more})
    keys = ROTATED | {"POCNET_KEY_3": "the third"}
    result = pull(load_network(folder, keys), ["alpha"])
    third = pseudonym("alpha-006", "alpha", "the third", "k3")
    old = {named(number, OLD) for number in ("001", "002", "003")}
    assert batches(result) == old | {named("005", NEW), third}


def test_a_few_and_many_numbers_keep_the_same_pseudonyms() -> None:
    numbers = pl.Series([f"A-{n}" for n in range(3_000)])
    sent = frozenset(pseudonym(n, "alpha", *OLD) for n in numbers[::3])
    privacy = Privacy(*NEW, "day", former=(Former(*OLD),), sent=sent)
    many = pseudonyms(numbers, "alpha", privacy)
    few = pseudonyms(numbers[:900], "alpha", privacy)
    assert many[:900].to_list() == few.to_list()
    assert many.str.starts_with("k1-").sum() == 1_000
    assert many.str.starts_with("k2-").sum() == 2_000


def collected(folder: Path, environ: dict[str, str], sent: Sent) -> list[set[str]]:
    """What each bundle of a site that sends for itself names."""
    site = remembering(load_network(folder, environ).sites["alpha"], sent.pseudonyms)
    found = []
    for bundle in Collection(site, {}, Window()).bundles(lambda step: None, EVENT):
        sent.note(bundle)
        found.append(set(in_bundle(bundle)))
    return found


def test_a_site_that_sends_for_itself_remembers_by_a_list_of_its_own(
    tmp_path: Path,
) -> None:
    folder = write_network(tmp_path / "network", ("alpha",))
    sent = Sent(tmp_path / "agent" / "sent.parquet")
    first = collected(folder, ENVIRON, sent)
    assert sent.pseudonyms() == set().union(*first) != set()
    rotated(folder)
    second = collected(folder, ROTATED, sent)
    assert set().union(*second) - set().union(*first) == {named("005", NEW)}


def test_nothing_is_asked_of_the_list_where_no_key_was_changed() -> None:
    def never() -> set[str]:
        raise AssertionError

    site = Site("a", None, {}, None, Privacy(*NEW, "day"), ())  # type: ignore[arg-type]
    assert remembering(site, never) is site


@pytest.mark.parametrize(
    ("former", "wrong"),
    [
        (AFTER.replace("POCNET_KEY_NEW", "POCNET_KEY_TEST"), "key_id"),
        (AFTER.replace("k2", "k1"), '"key"'),
    ],
)
def test_a_former_key_that_was_never_changed_is_refused(
    folder: Path, former: str, wrong: str
) -> None:
    edit(folder, "alpha", BEFORE, f"{AFTER}[[privacy.former]]\n{former}")
    with pytest.raises(Exception, match=wrong):
        load_network(folder, ROTATED)
