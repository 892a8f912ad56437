import time
from pathlib import Path

import pytest

from connectors import ConfigError
from dashboard.access.accounts import Account, Accounts
from dashboard.access.sessions import Sessions
from dashboard.access.store import Store
from dashboard.access.throttle import BY_ADDRESS, BY_NAME, WINDOW, Throttle
from dashboard.access.tokens import Tokens
from dashboard.viewer import Viewer

LEAD, ALPHA = Viewer("lead"), Viewer("site", site="alpha")
GOOD = "correct horse battery"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "access.sqlite")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, 1800, 43_200, clock)


def test_only_its_own_password_opens_an_account(store: Store) -> None:
    accounts = Accounts(store)
    accounts.add("maria", ALPHA, GOOD)
    assert accounts.check("maria", GOOD) == Account("maria", ALPHA)
    assert accounts.check("maria", GOOD + "x") is None
    assert accounts.check("nobody", GOOD) is None


def test_no_password_stands_in_the_file(store: Store) -> None:
    Accounts(store).add("maria", ALPHA, GOOD)
    kept = b"".join(p.read_bytes() for p in store.path.parent.iterdir())
    assert GOOD.encode() not in kept
    assert b"$argon2id$" in kept
    assert store.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("password", ["short", "x" * 14, "maria-and-more-of-it"])
def test_a_weak_password_is_refused(store: Store, password: str) -> None:
    with pytest.raises(ConfigError, match="15 characters"):
        Accounts(store).add("maria", LEAD, password)


@pytest.mark.parametrize("name", ["", "Maria", "a b", "x" * 65, "../up", "a\nb"])
def test_a_name_that_is_none_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ConfigError, match="no name for an account"):
        Accounts(store).add(name, LEAD, GOOD)


def test_a_taken_name_is_refused_and_an_unknown_one_cannot_be_changed(
    store: Store,
) -> None:
    accounts = Accounts(store)
    accounts.add("maria", LEAD, GOOD)
    with pytest.raises(ConfigError, match="an account maria already"):
        accounts.add("maria", LEAD, GOOD)
    with pytest.raises(ConfigError, match="no account ivan"):
        accounts.remove("ivan")


def test_asking_for_a_name_that_nobody_has_takes_as_long(store: Store) -> None:
    accounts = Accounts(store)
    accounts.add("maria", LEAD, GOOD)
    accounts.check("nobody", GOOD)

    def seconds(name: str) -> float:
        taken = []
        for _ in range(3):
            began = time.process_time()
            accounts.check(name, "wrong")
            taken.append(time.process_time() - began)
        return min(taken)

    # A password is checked either way, which is nearly all of the work.
    assert seconds("nobody") > seconds("maria") / 2


def test_a_session_ends_after_silence_and_after_its_longest_time(
    sessions: Sessions, clock: Clock
) -> None:
    secret = sessions.begin("maria", ALPHA)
    for _ in range(20):
        clock.now += 1799
        found = sessions.of(secret)
        assert found is not None
        assert (found.who, found.viewer) == ("maria", ALPHA)
    clock.now += 1801
    assert sessions.of(secret) is None
    lively = sessions.begin("maria", ALPHA)
    for _ in range(43_200 // 1700):
        clock.now += 1700
        assert sessions.of(lively)
    clock.now += 1700
    assert sessions.of(lively) is None


def test_a_session_that_was_left_is_nobodys(sessions: Sessions) -> None:
    secret = sessions.begin("maria", ALPHA)
    other = sessions.begin("maria", ALPHA)
    sessions.end(secret)
    assert sessions.of(secret) is None
    assert sessions.of(other)
    assert sessions.of("") is None


def test_a_session_has_the_role_its_account_has_now(
    store: Store, sessions: Sessions
) -> None:
    accounts = Accounts(store)
    accounts.add("maria", LEAD, GOOD)
    secret = sessions.begin("maria", LEAD, "maria")
    accounts.change("maria", ALPHA, None)
    assert sessions.of(secret) is None
    again = sessions.begin("maria", LEAD, "maria")
    found = sessions.of(again)
    assert found is not None
    assert found.viewer == ALPHA
    accounts.remove("maria")
    assert sessions.of(again) is None


def test_no_secret_of_a_session_or_token_stands_in_the_file(
    store: Store, sessions: Sessions
) -> None:
    secrets = [
        sessions.begin("maria", LEAD),
        Tokens(store).add("nightly", LEAD, ("figures",), 1)[0],
    ]
    kept = b"".join(p.read_bytes() for p in store.path.parent.iterdir())
    assert all(secret.encode() not in kept for secret in secrets)


def test_a_token_opens_what_its_scope_names_and_until_its_day(
    store: Store, clock: Clock
) -> None:
    tokens = Tokens(store, clock)
    secret, _ = tokens.add("nightly", ALPHA, ("figures",), 30)
    token = tokens.of(secret)
    assert token is not None
    assert token.viewer == ALPHA
    assert token.opens("/api/v1/cards/failures-funnel")
    assert token.opens("/api/v1/metrics")
    for shut in ("/", "/failures", "/api/v1/proposals/1.pdf", "/_dash-layout"):
        assert not token.opens(shut)
    clock.now += 30 * 86_400
    assert tokens.of(secret) is None
    assert tokens.of("pocnet_guessed") is None


def test_a_removed_token_opens_nothing(store: Store) -> None:
    tokens = Tokens(store)
    secret, _ = tokens.add("nightly", ALPHA, ("figures",), 30)
    with pytest.raises(ConfigError, match="a token nightly already"):
        tokens.add("nightly", LEAD, ("figures",), 1)
    assert tokens.remove("nightly").viewer == ALPHA
    assert tokens.of(secret) is None
    with pytest.raises(ConfigError, match="no token nightly"):
        tokens.remove("nightly")


def test_a_name_is_shut_after_a_few_failures_for_a_while(
    store: Store, clock: Clock
) -> None:
    throttle = Throttle(store, clock)
    assert [throttle.enter("maria", f"10.0.0.{n}") for n in range(BY_NAME)] == [0] * 5
    clock.now += 60
    assert throttle.enter("maria", "10.0.0.9") == WINDOW - 60 + 1
    assert throttle.enter("ivan", "10.0.0.9") == 0
    clock.now += WINDOW
    assert throttle.enter("maria", "10.0.0.9") == 0


def test_an_address_is_shut_that_tries_many_names(store: Store, clock: Clock) -> None:
    throttle = Throttle(store, clock)
    for number in range(BY_ADDRESS):
        assert throttle.enter(f"name{number}", "10.0.0.1") == 0
    assert throttle.enter("maria", "10.0.0.1") > 0
    assert throttle.enter("maria", "10.0.0.2") == 0


def test_who_signs_in_often_is_not_shut_out(store: Store, clock: Clock) -> None:
    throttle = Throttle(store, clock)
    for _ in range(50):
        assert throttle.enter("maria", "10.0.0.1") == 0
        throttle.succeeded("maria", "10.0.0.1")
