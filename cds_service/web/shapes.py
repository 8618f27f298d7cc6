"""The JSON Schemas of the wire (Draft 2020-12), compiled once, and what they say of a document in words.

Requests are judged tolerantly (unknown members and extensions pass), what this service emits strictly. An issue names
the place and what was expected there, from the schema's own descriptions; never the value, which may be patient data.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from cds_service.errors import Issue

Shape = Literal["discovery", "order-sign-request", "response", "feedback", "operation-outcome"]
MOST_ISSUES = 20


@cache
def validator(shape: Shape) -> Draft202012Validator:
    """The compiled schema of one kind of document."""
    schema = orjson.loads(files("cds_service.web").joinpath("schemas", f"{shape}.schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def issues(shape: Shape, document: Any) -> tuple[Issue, ...]:
    """Everything wrong with a document, each place once; empty when it fits."""
    found: dict[Issue, None] = {}
    for error in validator(shape).iter_errors(document):
        found.update(dict.fromkeys(_issues(error)))
        if len(found) >= MOST_ISSUES:
            break
    return tuple(found)[:MOST_ISSUES]


def _issues(error: ValidationError) -> list[Issue]:
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    schema: Any = error.schema
    if error.validator != "required":
        return [Issue(path, _expected(schema, error))]
    names = [name for name in schema["required"] if name not in error.instance]
    described = schema.get("properties", {})
    return [Issue(f"{path}.{name}", "required: " + described.get(name, {}).get("description", name)) for name in names]


def _expected(schema: Any, error: ValidationError) -> str:
    if isinstance(schema, dict) and "description" in schema:
        return str(schema["description"])
    return f"{error.validator} {orjson.dumps(error.validator_value).decode()}"
