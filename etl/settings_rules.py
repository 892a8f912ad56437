"""What a site's file says, held against the contract, the connectors and the network.

The checks walk the parsed TOML rather than the models, so that one misspelt key does
not hide the mistakes beside it: a person mends a file once, not once per mistake.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from connectors import kinds, options_model, read_model
from etl.contract.schemas import SCHEMAS, SENT
from etl.mapping import sender_column
from etl.settings_kinds import SLUG
from etl.settings_mistakes import Mistake, did_you_mean, shape_mistakes, unknown
from etl.settings_targets import ALL_PRODUCTS, Known, target_mistake
from etl.toml_lines import KeyPath

Table = Mapping[str, object]
_ELSEWHERE: Final = {
    "site": "it is what [site] of this file says",
    "product": "products are listed in network.toml",
    "report": "the hub writes it from what arrives",
    "stratum": 'a site\'s agent counts it, where [agent] has share = "aggregates"',
    "cohort": "published counts ship with the project",
}


def table(value: object) -> Table:
    """The value as a table; empty where it is none, which the models complain about."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> list[Table]:
    """The value as a list of tables, with the same reserve."""
    return [table(each) for each in value] if isinstance(value, list) else []


def texts(value: object) -> list[tuple[int, str]]:
    """The texts of a list by position, with the same reserve."""
    listed = enumerate(value) if isinstance(value, list) else ()
    return [(index, each) for index, each in listed if isinstance(each, str)]


def network_mistakes(network: Table) -> Iterator[Mistake]:
    """Every mistake of `network.toml` that its shape alone does not show."""
    listed = [each.get("product") for each in tables(network.get("product"))]
    for index, slug in enumerate(listed):
        path = ("product", index, "product")
        if slug == ALL_PRODUCTS:
            yield Mistake(path, '"all" already stands for every product.')
        elif slug is not None and slug in listed[:index]:
            yield Mistake(path, f'The product "{slug}" is listed twice.')


def site_mistakes(site: Table, known: Known) -> Iterator[Mistake]:
    """Every mistake of one site's file that its shape alone does not show.

    `site` is the parsed TOML with its secrets filled in.
    """
    info = table(site.get("site"))
    needless = info.get("kind") == "published" or "agent" in site
    if "privacy" not in site and not needless:
        yield Mistake(
            ("privacy",),
            "[privacy] is missing: key and key_id make the site's own numbers "
            "pseudonyms. Only sites of kind published need none.",
        )
    yield from _key_mistakes(table(site.get("privacy")))
    yield from _laboratory_mistakes(info, known)
    yield from _source_mistakes(table(site.get("source")))
    yield from _repeated_entries(tables(site.get("dataset")))
    for index, entry in enumerate(tables(site.get("dataset"))):
        yield from _Entry(("dataset", index), entry, site, known).mistakes()


def slug_mistakes(slug: str) -> Iterator[Mistake]:
    """What keeps the name of a site's file from being its slug."""
    if not re.match(SLUG, slug):
        yield Mistake(
            (),
            f'The file\'s name gives the site its slug, and "{slug}" is none: use '
            "only a-z, 0-9 and single hyphens, such as cell-unit-alpha.toml.",
        )


def _key_mistakes(privacy: Table) -> Iterator[Mistake]:
    """Two keys of one name, or one key under two names: neither was ever changed."""
    seen = [privacy]
    for index, former in enumerate(tables(privacy.get("former"))):
        for name in ("key_id", "key"):
            if former.get(name) in [each.get(name) for each in seen]:
                yield Mistake(
                    ("privacy", "former", index, name),
                    f'A former key has the "{name}" of another key. Give each key a '
                    "name and a secret of its own, and keep both as long as it stands "
                    "here.",
                )
        seen.append(former)


def _laboratory_mistakes(info: Table, known: Known) -> Iterator[Mistake]:
    for index, slug in texts(info.get("laboratories")):
        path = ("site", "laboratories", index)
        if slug not in known.sites:
            yield Mistake(path, unknown("The site", slug, known.sites))
        elif known.sites[slug] not in ("testing_laboratory", "both"):
            yield Mistake(
                path,
                f'"{slug}" is no laboratory: its kind is {known.sites[slug]}, and '
                "only testing_laboratory or both may send others' results.",
            )


def _source_mistakes(sources: Table) -> Iterator[Mistake]:
    for name, options in sources.items():
        path = ("source", name)
        given = {key: v for key, v in table(options).items() if key != "kind"}
        kind = table(options).get("kind")
        if kind is None:
            known = ", ".join(kinds())
            yield Mistake(path, f'"kind" is missing: one of {known}.')
        elif kind not in kinds():
            yield Mistake((*path, "kind"), unknown("The kind", str(kind), kinds()))
        else:
            yield from shape_mistakes(options_model(str(kind)), given, path)


def _repeated_entries(entries: Iterable[Table]) -> Iterator[Mistake]:
    seen: dict[tuple[str, ...], int] = {}
    for index, entry in enumerate(entries):
        # Several entries may read one table in different ways, but not in the same.
        what = tuple(str(entry.get(k)) for k in ("name", "source", "from", "columns"))
        if what in seen:
            yield Mistake(
                ("dataset", index),
                f"This entry says the same as entry {seen[what] + 1}, so every row "
                "would be read twice. Remove one.",
            )
        seen.setdefault(what, index)


@dataclass(frozen=True)
class _Entry:
    """One `[[dataset]]` with what is needed to judge it."""

    path: KeyPath
    entry: Table
    site: Table
    known: Known

    def mistakes(self) -> Iterator[Mistake]:
        """Every mistake of this entry."""
        yield from self._source()
        name = self.entry.get("name")
        if not isinstance(name, str):
            return
        if name in SENT or (name == "cohort" and self._published):
            yield from self._columns(name)
        elif name in _ELSEWHERE:
            yield Mistake(
                (*self.path, "name"),
                f'"{name}" is not sent by a site: {_ELSEWHERE[name]}.',
            )
        else:
            yield Mistake((*self.path, "name"), unknown("The dataset", name, SENT))

    @property
    def _published(self) -> bool:
        return table(self.site.get("site")).get("kind") == "published"

    def _source(self) -> Iterator[Mistake]:
        sources = table(self.site.get("source"))
        name = self.entry.get("source")
        if name is None and len(sources) == 1:
            name = next(iter(sources))
        if name is None:
            which = (
                f" one of {', '.join(sources)}" if sources else " first [source.NAME]"
            )
            yield Mistake(self.path, f'"source" is missing: define or name{which}.')
        elif not isinstance(name, str):
            return
        elif name not in sources:
            yield Mistake((*self.path, "source"), unknown("The source", name, sources))
        elif (kind := table(sources[name]).get("kind")) in kinds():
            read = table(self.entry.get("read"))
            yield from shape_mistakes(read_model(str(kind)), read, (*self.path, "read"))

    def _columns(self, dataset: str) -> Iterator[Mistake]:
        shared = table(self.entry.get("columns"))
        yield from self._rules(dataset, shared, (*self.path, "columns"))
        blocks = tables(self.entry.get("each"))
        for index, block in enumerate(blocks):
            path = (*self.path, "each", index)
            own = table(block.get("columns"))
            yield from self._rules(dataset, own, (*path, "columns"))
            yield from _missing_columns(dataset, self._sender, {*shared, *own}, path)
        if not blocks:
            yield from _missing_columns(dataset, self._sender, {*shared}, self.path)

    @property
    def _sender(self) -> object:
        return table(self.site.get("site")).get("kind")

    def _rules(self, dataset: str, rules: Table, path: KeyPath) -> Iterator[Mistake]:
        columns = SCHEMAS[dataset].columns()
        for name, rule in rules.items():
            at = (*path, name)
            if name not in columns:
                what = f"The column of {dataset}"
                yield Mistake(at, unknown(what, name, columns))
            elif name == "site" and dataset != "result":
                yield Mistake(
                    at, '"site" is filled in by pocnet; only result may map it.'
                )
            else:
                yield from self._targets(dataset, name, table(rule), at)

    def _targets(
        self, dataset: str, column: str, rule: Table, path: KeyPath
    ) -> Iterator[Mistake]:
        targets = {("codes", k): v for k, v in table(rule.get("codes")).items()}
        constant = {("constant",): rule["constant"]} if "constant" in rule else {}
        for where, target in (*constant.items(), *targets.items()):
            if message := target_mistake(dataset, column, target, self.known):
                yield Mistake((*path, *where), message)
        for key, use in (("fraction", "to be a fraction"), ("power", "to be raised")):
            if rule.get(key) and _kind(dataset, column) != "number":
                yield Mistake((*path, key), f'"{column}" holds no figure {use}.')
        if rule.get("fraction") and rule.get("power"):
            yield Mistake(
                (*path, "power"), "A column is a fraction or has a power, not both."
            )


def _missing_columns(
    dataset: str, sender: object, mapped: set[str], path: KeyPath
) -> Iterator[Mistake]:
    needed = [
        name
        for name, column in SCHEMAS[dataset].columns().items()
        if not column.nullable and (column.metadata or {}).get("missing") is None
    ]
    # A laboratory's results belong to others, which only its mapping can say.
    others = dataset == "result" and sender == "testing_laboratory"
    filled = None if others else sender_column(dataset, mapped)
    for name in needed:
        if name not in mapped and name != filled:
            # A misspelt column is better mended than mapped a second time.
            typed = sorted(mapped - set(SCHEMAS[dataset].columns()))
            hint = did_you_mean(name, typed).replace("Did you mean", "Is it")
            yield Mistake(
                path,
                f'"{name}" of {dataset} is not mapped: no row can do without.{hint}',
            )


def _kind(dataset: str, column: str) -> object:
    return (SCHEMAS[dataset].columns()[column].metadata or {}).get("kind")


def anchored(kind: str, options: Table, here: Path) -> dict[str, object]:
    """The options with their relative paths made absolute, as the model marks them."""
    made = dict(options)
    for name, model_field in options_model(kind).model_fields.items():
        is_path = Path in (model_field.annotation, *get_args(model_field.annotation))
        if is_path and isinstance(written := made.get(name), str):
            made[name] = str((here / Path(written).expanduser()).resolve())
    return made
