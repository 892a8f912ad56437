"""What can go wrong between a site's system and the network, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.connectors.scripted import answer
from tests.faults.proxy import Fault, cut, endless, garbage, reset, says, stall

ALWAYS: Final = 10_000
Outcome = Literal["recovers", "told"]


@dataclass(frozen=True)
class Case:
    """A fault that meets some of a read's connections: so many `times` in a row.

    Of a session that is not HTTP the fault is made from the bytes to break after.

    `recovers`: the read itself gives every row. `told`: it ends with one message, which
    matches `said`, and the next read, through a healthy line, gives every row.
    """

    name: str
    fault: Fault | Callable[[int], Fault]
    times: int
    outcome: Outcome
    said: str = ""
    by_session: bool = False

    def made(self, middle: int) -> Fault:
        """The fault, for a session of which `middle` bytes are some way into it."""
        return self.fault(middle) if self.by_session else self.fault  # type: ignore


HUGE = answer("", Content_Length="10737418240").replace(b"Content-Length: 0\r\n", b"")
CHUNKED = answer("", Transfer_Encoding="chunked").replace(b"Content-Length: 0\r\n", b"")
BUSY = answer('{"message": "slow down"}', 429, Retry_After="1")
DOWN = answer("<html>maintenance</html>", 503, "text/html")
EXPIRED = answer('{"error": "the token has expired"}', 401)
LOGIN = answer("<!DOCTYPE html><form>Sign in</form>", kind="text/html")
NOTHING = answer("")
IN_MID_ANSWER = "broke off|breaks off|cannot be reached"


def http_cases(elsewhere: str) -> list[Case]:
    """The faults of a system that is asked over HTTP."""
    away = answer("", 302, Location=f"{elsewhere}/stolen")
    huge, dribble = (
        endless(HUGE, b" " * 2**18, 0),
        endless(CHUNKED, b"1\r\n \r\n", 0.05),
    )
    return [
        recovers("connection reset once", reset(300)),
        told("connection reset every time", reset(300), IN_MID_ANSWER),
        recovers("body cut short once", cut(300)),
        told("body cut short every time", cut(300), IN_MID_ANSWER),
        recovers("silence once", stall(300)),
        told("silence every time", stall(300), "did not answer in time"),
        recovers("hung up without a word once", cut(0)),
        told("noise instead of an answer", garbage(0), IN_MID_ANSWER),
        recovers("429 with Retry-After once", says(BUSY)),
        told("429 every time", says(BUSY), "429.*patience"),
        recovers("503 twice", says(DOWN), 2),
        told("503 every time", says(DOWN), "503.*pull later"),
        told("key or token expired for good", says(EXPIRED), "401.*check"),
        told("redirect to another host", says(away), "nothing was sent there"),
        told("a login page with 200 OK", says(LOGIN), "web page"),
        recovers("200 OK and nothing else, once", says(NOTHING)),
        told("200 OK and nothing else, every time", says(NOTHING), "empty answer"),
        told("10 GB announced and sent", huge, "more than 4 MiB"),
        told("a byte a moment, for ever", dribble, "still sending"),
    ]


def recovers(name: str, fault: Fault, times: int = 1) -> Case:
    """A fault that passes: the read itself gives every row."""
    return Case(name, fault, times, "recovers")


def told(name: str, fault: Fault, said: str) -> Case:
    """A fault that stays: one message, and the next read gives every row."""
    return Case(name, fault, ALWAYS, "told", said)


def socket_cases() -> list[Case]:
    """The faults of a session that is not plain HTTP."""
    faults: dict[str, Callable[[int], Fault]] = {
        "refused at the door": lambda middle: cut(0),
        "connection reset at the start": lambda middle: reset(20),
        "connection reset in the middle": reset,
        "cut in the middle": cut,
        "silence in the middle": stall,
        "noise in the middle": garbage,
        "noise at the start": lambda middle: garbage(0),
    }
    return [
        Case(name, fault, ALWAYS, "told", by_session=True)
        for name, fault in faults.items()
    ]
