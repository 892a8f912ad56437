"""Walks a dashboard as one viewer and keeps all that comes out, with where it stood.

It knows of the dashboard what any reader's browser knows: addresses, the list of
callbacks, and the description of the API. Nothing of pocnet is imported.
"""

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

import httpx
import numpy as np

Figures = Callable[[int], Sequence[str]]
CALLBACK = "/_dash-update-component"
# How figures carry long columns (plotly's typed arrays).
_TYPES = {"f8": "<f8", "f4": "<f4", "i8": "<i8", "i4": "<i4", "i2": "<i2", "i1": "i1",
          "u1": "u1", "u2": "<u2", "u4": "<u4"}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One answer: who was asked what, and every byte that came back."""

    method: str
    address: str
    status: int
    headers: httpx.Headers
    content: bytes
    said: str = ""

    @property
    def text(self) -> str:
        """All that can be read in it: a workbook's sheets and escapes taken apart."""
        head = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{head}\n{''.join(_opened(self.content))}"

    @property
    def values(self) -> Iterator[tuple[str, object]]:
        """Every value of an answer in JSON, with its path, figures' arrays unpacked."""
        yield from _leaves(json.loads(self.content), self.address)


def _opened(content: bytes) -> Iterator[str]:
    if content.startswith(b"PK"):
        try:
            with ZipFile(BytesIO(content)) as file:
                for name in file.namelist():
                    yield f"\n{name}\n{file.read(name).decode(errors='replace')}"
        except BadZipFile:
            yield repr(content)
    elif content.startswith(b"%PDF"):
        yield _printed(content)
    else:
        text = content.decode(errors="replace")
        yield text
        if "\\u" in text:
            yield re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)


def _printed(content: bytes) -> str:
    """The letters of a PDF of ours: streams inflated, glyphs read by its map."""
    streams = []
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, re.S):
        try:
            streams.append(zlib.decompress(found[1]))
        except zlib.error:
            streams.append(found[1])
    letters: dict[int, str] = {}
    for stream in streams:
        for glyph, letter in re.findall(
            rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})>", stream
        ):
            letters[int(glyph, 16)] = chr(int(letter, 16))
    said = []
    for stream in streams:
        for shown in re.findall(
            rb"\(((?:[^()\\]|\\.)*)\) ?Tj|<([0-9A-F]+)> ?Tj", stream
        ):
            raw = re.sub(rb"\\(.)", rb"\1", shown[0], flags=re.S)
            pairs = [int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2)]
            said.append("".join(letters.get(glyph, "") for glyph in pairs))
    return "\n".join(said)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        if set(value) >= {"dtype", "bdata"}:
            raw = base64.b64decode(value["bdata"])
            array = np.frombuffer(raw, _TYPES[value["dtype"]])
            yield from ((path, float(number)) for number in array)
            return
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


@dataclass
class Walk:
    """What one reader asked, and was answered."""

    client: httpx.Client
    answers: list[Answer] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    harvested: bool = False

    def harvest(
        self, pages: Iterable[str], own: Iterable[str], figures: Figures
    ) -> None:
        """Walk everywhere: the frame, pages with their figures, the API, and `own`.

        Figures stand on the pages; `figures` says as what each is asked for again.
        """
        for path in pages:
            self.get(path)
            self.page(path)
        described = self.json("/api/v1/openapi.json") or {"paths": {}}
        for path in described["paths"]:
            if "{" not in path:
                self.get(path)
        cards = (self.json("/api/v1/") or {"cards": []})["cards"]
        for number, card in enumerate(cards):
            for form in figures(number):
                self.get(card + form)
        for address in own:
            self.get(address)
        links_ = [link for answer in self.answers for link in links(answer, "/figure/")]
        for link in links_[:3]:
            self.get(link)

    def ask(self, method: str, address: str, **more: Any) -> Answer:
        """One request, whose answer is kept."""
        got = self.client.request(method, address, **more)
        said = address + json.dumps(more.get("json", ""))
        answer = Answer(
            method, address, got.status_code, got.headers, got.content, said
        )
        self.answers.append(answer)
        return answer

    def get(self, address: str) -> Answer:
        return self.ask("GET", address)

    def json(self, address: str) -> Any:
        """What stands at an address; None where it is not given."""
        answer = self.get(address)
        return json.loads(answer.content) if answer.status == 200 else None

    def page(self, path: str, search: str = "") -> Answer:
        """The content of a page, figures and all, as a browser asks for it."""
        return self.call(_content(self.callbacks()), [path, search])

    def callbacks(self) -> list[dict[str, Any]]:
        """The callbacks that the server answers, not the browser."""
        if not hasattr(self, "_callbacks"):
            found = self.json("/_dash-dependencies") or []
            self._callbacks = [
                each for each in found if not each["clientside_function"]
            ]
        return self._callbacks

    def call(
        self,
        callback: dict[str, Any],
        inputs: Sequence[object],
        state: Sequence[object] = (),
        **other: Any,
    ) -> Answer:
        """A callback with these values, whoever would have written them."""
        self.called.add(callback["output"])
        return self.ask(
            "POST", CALLBACK, json={**asked(callback, inputs, state), **other}
        )


def asked(
    callback: dict[str, Any], inputs: Sequence[object], state: Sequence[object]
) -> dict[str, Any]:
    """What a browser would send: every output, every input and every state."""
    given = _valued(callback["inputs"], inputs)
    names = [part.rsplit(".", 1) for part in callback["output"].strip(".").split("...")]
    outputs = [{"id": _id(i), "property": p.split("@")[0]} for i, p in names]
    first = given[0][0] if isinstance(given[0], list) else given[0]
    return {
        "output": callback["output"],
        "outputs": outputs if callback["output"].startswith("..") else outputs[0],
        "inputs": given,
        "state": _valued(callback["state"], state),
        "changedPropIds": [f"{_key(first['id'])}.{first['property']}"],
    }


def _valued(places: Sequence[dict[str, Any]], values: Sequence[object]) -> list[Any]:
    filled = [*values[: len(places)], *[None] * (len(places) - len(values))]
    return [_one(place, value) for place, value in zip(places, filled, strict=True)]


def _one(place: dict[str, Any], value: object) -> Any:
    where = _id(place["id"])
    named = {"id": where, "property": place["property"].removesuffix("_")}
    if isinstance(where, dict):
        here = {k: "x" if v == ["ALL"] else v for k, v in where.items()}
        return [{**named, "id": here, "value": value}]
    return {**named, "value": value}


def _id(name: Any) -> Any:
    return json.loads(name) if isinstance(name, str) and name.startswith("{") else name


def _key(name: Any) -> str:
    return json.dumps(name, sort_keys=True) if isinstance(name, dict) else str(name)


def _content(callbacks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (c for c in callbacks if "_pages_content.children" in c["output"])
    return found


def links(answer: Answer, beginning: str) -> list[str]:
    """The addresses of this dashboard that an answer leads to."""
    found = re.findall(rf'"({re.escape(beginning)}[^"\\]*)"', answer.text)
    return list(dict.fromkeys(found))
