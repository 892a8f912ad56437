"""The address to which sites send: `POST /api/v1/bundles`, one package a request.

Who sends is known by the signature, not by a cookie: no viewer's rights are asked or
given here, nothing can be read, and the answer speaks only of the bundle that came. A
package begins with the signed claim; a stranger is turned away after those four
kilobytes, without a word about which sites there are.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from connectors import PocnetError
from etl.package import HEAD, MOST_BYTES, read_claim
from etl.receipt import Receipt, refusal_of
from etl.reception import Reception
from etl.signature import RefusedError, Signed

AT_ONCE: Final = 2
SECONDS_FOR_A_CLAIM: Final = 30
SECONDS: Final = 900
_LATER: Final = {"Retry-After": "60"}


def router(folder: Path) -> APIRouter:
    """The route by which one network folder takes in packages."""
    desk, free = Reception(folder), asyncio.Semaphore(AT_ONCE)
    routes = APIRouter()

    @routes.post("/api/v1/bundles", tags=["bundles"], response_model=Receipt)
    async def take_in(request: Request) -> Response:
        """Take in a package of `pocnet agent`; the answer is its receipt."""
        body = request.stream()
        async with _within(SECONDS_FOR_A_CLAIM):
            head = await _head(body)
        signed = await run_in_threadpool(_admitted, desk, head)
        if free.locked():
            raise HTTPException(503, "Too much at a time. Send it again later.", _LATER)
        async with free:
            with tempfile.TemporaryFile(dir=desk.place()) as file:
                file.write(head)
                async with _within(SECONDS):
                    await _keep(body, file)
                file.seek(0)
                return await run_in_threadpool(_answer, desk, file, signed)

    return routes


async def _head(body: AsyncIterator[bytes]) -> bytes:
    """The beginning of a package, its claim included."""
    head = b""
    async for chunk in body:
        head += chunk
        if len(head) >= HEAD:
            break
    return head


async def _keep(body: AsyncIterator[bytes], file: BinaryIO) -> None:
    """The rest of the package into the file, no more than a package may have."""
    async for chunk in body:
        file.write(chunk)
        if file.tell() > MOST_BYTES:
            raise HTTPException(413, f"A package may have {MOST_BYTES >> 20} MiB.")


def _admitted(desk: Reception, head: bytes) -> Signed:
    """Who sends; one answer to all of whom nobody knows, whatever the reason."""
    try:
        signed = read_claim(head)
        desk.admit(signed)
    except RefusedError:
        raise HTTPException(
            403,
            "This is not signed by a site of this network for this network. Compare "
            "public_key in [agent] at the site and at the hub.",
        ) from None
    except PocnetError:
        raise HTTPException(
            503, "The hub's settings are being changed. Send it again later.", _LATER
        ) from None
    return signed


def _answer(desk: Reception, file: BinaryIO, signed: Signed) -> Response:
    """The receipt of a package whose sender is known, whether it is let in or not."""
    try:
        receipt, status = desk.receive_from(file), 200
    except RefusedError as error:
        receipt, status = refusal_of(signed, error), 422
    return Response(receipt.to_bytes(), status, media_type="application/json")


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise HTTPException(408, f"Nothing whole came in {seconds} seconds.") from None
