"""The network folder of a made-up network: settings, sources, secrets and the truth."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from connectors.standins import Standin
from etl.demo import mess
from etl.demo.entries import KEY_ID, Entry, entries
from etl.demo.members import LABORATORY
from etl.demo.notation import notation_of
from etl.demo.products import frame as products
from etl.demo.systems import build, secret, variable
from etl.demo.truth import truths
from etl.demo.world import TODAY, Part, World, site_frame
from etl.pseudonym import pseudonym

ADDRESS = "http://127.0.0.1:8051"


def write_network(world: World, folder: Path, base_url: str = ADDRESS) -> None:
    """The whole network folder: what an operator, and each site, would have there.

    `base_url` is where the stand-ins of `standin_sites` will answer. Written are
    network.toml, sites/, secrets/, drops/, lims/ and truth.json.
    """
    for name in ("sites", "secrets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "network.toml").write_text(_network_toml(), encoding="utf-8")
    told = truths(world) | {"rejects": [], "findings": [], "counts": []}
    for part in world.parts:
        _write_site(world, part, folder, base_url, told)
    told["rejects"].sort(key=lambda r: (r["site"], r["dataset"], r["rule"]))
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def standin_sites(world: World) -> dict[str, Standin]:
    """The systems that answer over HTTP, by site: for `connectors.standins.serve`."""
    found = {}
    for part in world.parts:
        if part.member.system in ("redcap", "rest"):
            made = _messy(world, part)[0]
            system = build(part.member, made, None, ADDRESS)
            if system.standin is not None:
                found[part.member.slug] = system.standin
    return found


def demo_environ(folder: Path) -> dict[str, str]:
    """The environment that the written network needs: where each secret lies."""
    secrets = sorted((folder / "secrets").iterdir())
    return {f"{path.name}_FILE": str(path.resolve()) for path in secrets}


def _messy(world: World, part: Part) -> tuple[list[Entry], list[mess.Count]]:
    made = entries(world, part)
    notation = notation_of(part.member)
    return mess.planted(part.member, notation, made)


def _write_site(
    world: World, part: Part, folder: Path, base_url: str, told: dict[str, Any]
) -> None:
    member = part.member
    made, counts = _messy(world, part)
    system = build(member, made, folder, base_url)
    for count in counts:
        told["counts"].append(count.counted())
        told["rejects"] += count.rejected_rows()
        told["findings"] += [
            _finding(part) for f in count.flaws if f.rule == mess.ORPHAN
        ]
    secrets = {f"POCNET_KEY_{variable(member)}": part.key}
    if system.standin is not None:
        secrets[f"POCNET_TOKEN_{variable(member)}"] = secret(member, "token")
    for name, value in secrets.items():
        (folder / "secrets" / name).write_text(value + "\n", encoding="utf-8")
    datasets = [
        _dataset_toml(entry, place, read)
        for entry, (place, read) in zip(made, system.places, strict=True)
    ]
    head = [_site_toml(world, part), _table("source.main", system.options)]
    text = "\n".join([*head, *_ways(part), *datasets])
    (folder / "sites" / f"{member.slug}.toml").write_text(text, encoding="utf-8")


def _finding(part: Part) -> dict[str, str]:
    """The result of a batch that was never sent, as the network comes to know it."""
    slug = part.member.slug
    never = pseudonym(mess.NEVER_SENT, slug, part.key, KEY_ID)
    return {"site": slug, "dataset": "result", "rule": mess.ORPHAN, "batch": never}


def _site_toml(world: World, part: Part) -> str:
    row = site_frame(world).row(
        by_predicate=pl.col("site") == part.member.slug, named=True
    )
    said = {k: v for k, v in row.items() if k != "site" and v is not None}
    if part.member.external and LABORATORY in world.by_slug:
        said["laboratories"] = [LABORATORY]
    return _table("site", said)


def _ways(part: Part) -> list[str]:
    """[style] and [privacy]."""
    notation = notation_of(part.member)
    style = {"decimal": notation.decimal, "dates": notation.dates,
             "time_zone": notation.zone, "language": notation.language}  # fmt: skip
    key = {"env": f"POCNET_KEY_{variable(part.member)}"}
    return [_table("style", style), _table("privacy", {"key": key, "key_id": KEY_ID})]


def _dataset_toml(entry: Entry, place: str, read: Mapping[str, Any]) -> str:
    lines = [
        "[[dataset]]",
        f"name = {_value(entry.dataset)}",
        f"from = {_value(place)}",
    ]
    if read:
        lines.append(f"read = {_value(read)}")
    lines.append("[dataset.columns]")
    lines += [f"{name} = {_value(rule)}" for name, rule in entry.rules.items()]
    for block in entry.each:
        lines += ["[[dataset.each]]", f"when = {_value(block['when'])}"]
        lines.append(f"columns = {_value(block['columns'])}")
    return "\n".join(lines) + "\n"


def _network_toml() -> str:
    tables = [
        _table("network", {"name": "Made-up network", "today": TODAY}),
        _table("reporting", {"period": "month", "days": 14, "completeness": 0.8}),
        _table("disclosure.public", {"threshold": 5, "rounding": 5}),
    ]
    for row in products().rows(named=True):
        said = {k: v for k, v in row.items() if v is not None and v != "-"}
        tables.append("[" + _table("product", said).replace("]\n", "]]\n", 1))
    return "\n".join(tables)


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines]) + "\n"


def _value(value: Any) -> str:
    """A TOML value; a JSON text is a TOML text, as long as no key needs more."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = ", ".join(
            f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None
        )
        return f"{{ {pairs} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    plain = name.replace("_", "").isascii() and name.replace("_", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False)
