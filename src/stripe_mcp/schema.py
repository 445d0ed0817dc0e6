"""
The JSON Schema that a template may use: what all clients understand, closed at every level. No I/O.

A word that is not a field here is refused: a validator passes over what it does not know, so that
a misspelt `minumum` would let a zero through.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

_Number = Annotated[int | float, Field(allow_inf_nan=False)]


class Schema(BaseModel):
    """
    One level of a schema, in JSON Schema's own spelling:
    https://json-schema.org/draft/2020-12/json-schema-validation
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: Literal["object", "array", "string", "integer", "number", "boolean"] | None = None
    anyOf: Annotated[list["Schema"], Field(min_length=2)] | None = None  # noqa: N815
    title: str = ""
    description: str = ""
    enum: Annotated[list[str | int], Field(min_length=1)] | None = None
    pattern: str | None = None
    format: Literal["date-time"] | None = None
    minLength: NonNegativeInt = 0  # noqa: N815
    maxLength: NonNegativeInt | None = None  # noqa: N815
    minimum: _Number | None = None
    maximum: _Number | None = None
    items: "Schema | None" = None
    minItems: NonNegativeInt = 0  # noqa: N815
    maxItems: NonNegativeInt | None = None  # noqa: N815
    uniqueItems: bool = False  # noqa: N815
    properties: dict[str, "Schema"] = {}
    propertyNames: "KeySchema | None" = None  # noqa: N815
    required: list[str] = []
    additionalProperties: "Schema | Literal[False] | None" = None  # noqa: N815
    minProperties: NonNegativeInt = 0  # noqa: N815
    maxProperties: NonNegativeInt | None = None  # noqa: N815

    @model_validator(mode="after")
    def _is_closed(self) -> "Schema":
        if (self.type is None) == (self.anyOf is None):
            raise ValueError("must say its type or anyOf, and not both")
        if self.type == "object" and self.additionalProperties is None:
            raise ValueError("must say additionalProperties, or a typo would be dropped in silence")
        names = self.propertyNames.enum if self.propertyNames else None
        if lost := {*self.required} - {*self.properties, *(names or [])}:
            raise ValueError(f"requires what it does not admit: {sorted(lost)}")
        _check_pattern(self.pattern)
        return self


class KeySchema(BaseModel):
    """
    What the keys of an object may be; they are strings anyway.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enum: Annotated[list[str], Field(min_length=1)] | None = None
    pattern: str | None = None
    minLength: NonNegativeInt = 0  # noqa: N815
    maxLength: NonNegativeInt | None = None  # noqa: N815

    @model_validator(mode="after")
    def _has_a_pattern_that_is_one(self) -> "KeySchema":
        _check_pattern(self.pattern)
        return self


class InputSchema(Schema):
    """
    The schema of a tool's arguments. Some clients drop all tools when one has a choice at its top.
    """

    type: Literal["object"]
    anyOf: None = None  # noqa: N815
    properties: dict[str, Schema]


def _check_pattern(pattern: str | None) -> None:
    if pattern is None:
        return
    if "$" in pattern[:-1] or pattern.endswith("\\$"):
        raise ValueError("has a pattern with $ elsewhere than at its end")
    try:
        re.compile(pattern, re.ASCII)
    except (re.error, ValueError, OverflowError) as error:
        raise ValueError(f"has a pattern that is none: {error}") from None
