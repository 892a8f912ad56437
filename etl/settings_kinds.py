"""What the models of all settings files are made of: strict tables, slugs, secrets."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from etl.contract.vocabulary import VOCABULARIES

SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(pattern=SLUG)]
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Word:
    """Marks a text as one of the words of a vocabulary of the contract."""

    vocabulary: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(VOCABULARIES[self.vocabulary]))


class Strict(BaseModel):
    """A table of a TOML file: no unknown key, no guessed type, never changed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True
    )


# A TOML list arrives as a list, which a strict tuple would refuse.
Slugs = Annotated[tuple[Slug, ...], Field(strict=False)]


class Secret(Strict):
    """Where a secret is found: never in the file itself."""

    env: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            description="The environment variable that holds the secret; or set "
            "NAME_FILE to the file that holds it.",
        ),
    ]
