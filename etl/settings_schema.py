"""JSON Schemas of the settings files, so that an editor can complete and check them.

They come from the same models that check the files, with the options of each kind of
source and the columns of each dataset put in where the models leave a free table.
"""

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from connectors import kinds, options_model, read_model
from etl.contract.schemas import SCHEMAS, SENT
from etl.settings import SiteFile
from etl.settings_network import NetworkFile
from etl.settings_secrets import names_a_secret

JsonSchema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SECRET: Final = {"$ref": "#/$defs/Secret"}


def network_schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of `network.toml`."""
    return {"$schema": DIALECT, **NetworkFile.model_json_schema()}


def site_schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of `sites/<slug>.toml`.

    A dataset's reading options are those of any kind of source: which kind its source
    is stands elsewhere in the file, where a schema cannot follow.
    """
    schema = SiteFile.model_json_schema()
    definitions = schema["$defs"]
    sources = [_source(kind, definitions) for kind in kinds()]
    schema["properties"]["source"]["additionalProperties"] = {"anyOf": sources}
    entry = definitions["DatasetRules"]
    entry["properties"]["name"]["enum"] = [*SENT, "cohort"]
    read = [_of_kind(read_model, kind, definitions) for kind in kinds()]
    entry["properties"]["read"] |= {"anyOf": read}
    entry["allOf"] = [_columns_of(dataset) for dataset in (*SENT, "cohort")]
    return {"$schema": DIALECT, **schema}


def _source(kind: str, definitions: JsonSchema) -> JsonSchema:
    source = _of_kind(options_model, kind, definitions)
    source["properties"]["kind"] = {"const": kind}
    source["required"] = ["kind", *source.get("required", [])]
    return source


def _of_kind(
    model_of: Callable[[str], type[BaseModel]], kind: str, definitions: JsonSchema
) -> JsonSchema:
    """A connector's model, its own definitions moved among the schema's."""
    model = model_of(kind)
    place = f"{kind}-{model.__name__}-"
    schema = model.model_json_schema(ref_template=f"#/$defs/{place}{{model}}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[place + name] = definition
    properties = schema.setdefault("properties", {})
    for name, option in properties.items():
        secret = model_of is options_model and names_a_secret(name)
        properties[name] = _SECRET if secret else {"anyOf": [option, _SECRET]}
    return schema


def _columns_of(dataset: str) -> JsonSchema:
    known = {"propertyNames": {"enum": list(SCHEMAS[dataset].columns())}}
    block = {"properties": {"columns": known}}
    return {
        "if": {"properties": {"name": {"const": dataset}}},
        "then": {"properties": {"columns": known, "each": {"items": block}}},
    }
