"""JSON Schemas (draft-07, what the common YAML language server reads) of the rule files, from the loader's own fields.

Every field brings what it means, for hover; every closed list brings its words, for completion: value sets with their
groups, lexicon concepts, subspecialties, override reasons and evidence are those of the content at hand.
"""

import json
from collections.abc import Mapping
from typing import Any

from cds_service.rules.compiling import ROLES
from cds_service.rules.fields import Field
from cds_service.rules.inline_tests import EXPECT, TEST
from cds_service.rules.kinds import KINDS
from cds_service.rules.load import EVIDENCE
from cds_service.rules.rule import Names
from cds_service.rules.rule_fields import (
    ATTRIBUTES,
    CARD,
    EXCEPT,
    OWNER,
    PARAMETER,
    PROMOTED,
    ROUTE,
    RULE,
    SILENCE,
)
from cds_service.workbench.file_schemas import file_schemas

DRAFT = "http://json-schema.org/draft-07/schema#"
_LINES = {"criteria": "criterion", "exclusions": "exclusion", "warns_when": "warning", "disagrees_when": "warning",
          "explained_by": "warning"}  # fmt: skip
_TABLES = {"owner": OWNER, "route": ROUTE, "card": CARD, "attributes": ATTRIBUTES}
_PATTERNS = {
    "duration": r"^(\d+(\.\d+)?\s*[dh]|\$[a-z_]+)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "version": r"^\d+\.\d+\.\d+$",
}

Schema = dict[str, Any]


def schemas(names: Names, exclusions: tuple[str, ...], evidence: tuple[str, ...]) -> dict[str, str]:
    """File name -> schema text, for cards/schema/."""
    lists = {
        "concepts": names.concepts | {"rads"}, "subspecialties": names.subspecialties,
        "override-reasons": names.override_reasons, "global-exclusions": frozenset(exclusions),
    }  # fmt: skip
    made = {
        "rule.schema.json": _rule(names, lists, evidence),
        "exclusions.schema.json": _exclusions(names, lists),
        "evidence.schema.json": {"$schema": DRAFT, "title": "The studies that cards may cite", "type": "object",
                                 "additionalProperties": _object(EVIDENCE, lists)},
    }  # fmt: skip
    others = file_schemas(names, lambda table: _object(table, lists))
    made |= {name: {"$schema": DRAFT, **schema} for name, schema in others.items()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}


def _rule(names: Names, lists: Mapping[str, frozenset[str]], evidence: tuple[str, ...]) -> Schema:
    schema = {"$schema": DRAFT, "title": "A rule of Second Read", **_object(RULE, lists)}
    properties = schema["properties"]
    for name, table in _TABLES.items():
        properties[name] = {"description": RULE[name].means, **_object(table, lists)}
    for name, role in _LINES.items():
        properties[name] = {"description": RULE[name].means, "type": "array", "items": _line(role, lists)}
    properties["parameters"] = _parameters(lists)
    properties["except_global"] = {"type": "array", "items": _object(EXCEPT, lists)}
    for name, table in (("promoted", PROMOTED), ("silence", SILENCE)):
        properties[name] = {"description": RULE[name].means, "type": "array", "items": _object(table, lists)}
    properties["evidence"] = {"description": RULE["evidence"].means, "type": "array",
                              "items": {"enum": sorted(evidence)}}  # fmt: skip
    test = _object(TEST, lists)
    test["properties"]["expect"] = _object(EXPECT, lists)
    properties["tests"] = {"description": RULE["tests"].means, "type": "array", "items": test}
    schema["definitions"] = _definitions(names, lists)
    return schema


def _exclusions(names: Names, lists: Mapping[str, frozenset[str]]) -> Schema:
    line = _line("exclusion", lists)
    return {
        "$schema": DRAFT, "title": "The exclusions of every rule", "type": "object", "additionalProperties": False,
        "required": ["exclusions"], "definitions": _definitions(names, lists),
        "properties": {"parameters": _parameters(lists), "exclusions": {"type": "array", "items": line}},
    }  # fmt: skip


def _parameters(lists: Mapping[str, frozenset[str]]) -> Schema:
    return {"description": RULE["parameters"].means, "type": "object",
            "additionalProperties": _object(PARAMETER, lists)}  # fmt: skip


def _line(role: str, lists: Mapping[str, frozenset[str]]) -> Schema:
    kinds: Schema = {name: {"$ref": f"#/definitions/{name}"} for name in KINDS}
    schema = _object(ROLES[role], lists)
    either = {"type": "object", "additionalProperties": False, "properties": kinds}
    schema["properties"] |= kinds | {"any_of": {"description": "any one is met", "type": "array", "items": either}}
    if role == "exclusion":
        schema["required"].append("if_unknown")
        schema["properties"]["withhold_when"] = either
    return schema


def _definitions(names: Names, lists: Mapping[str, frozenset[str]]) -> Schema:
    """What many lines share, said once: the kinds, the value sets with their groups, and the concepts."""
    sets: Schema = {}
    for name, groups in sorted(names.value_sets.items()):
        every: Schema = {"const": "any"}
        some = {"type": "array", "items": {"enum": sorted(groups - {""})}}
        sets[name] = {"anyOf": [every, some]} if groups - {""} else every
    return {
        "codes": {"type": "object", "additionalProperties": False, "properties": sets},
        "concept": {"enum": sorted(lists["concepts"])},
        **{name: _object(fields, lists) for name, fields in KINDS.items()},
    }


def _object(fields: Mapping[str, Field], lists: Mapping[str, frozenset[str]]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, of in fields.items() if of.required],
        "properties": {name: {"description": of.means, **_shape(of, lists)} for name, of in fields.items()},
    }


def _shape(of: Field, lists: Mapping[str, frozenset[str]]) -> Schema:
    words = sorted(lists.get(of.words, frozenset())) if isinstance(of.words, str) else list(of.words)
    word: Schema = {"enum": words} if words else {"type": "string"}
    if of.shape == "members":
        return {"$ref": "#/definitions/codes"}
    if of.words == "concepts":
        word = {"$ref": "#/definitions/concept"}
    if of.shape in ("choices", "words"):
        return {"anyOf": [word, {"type": "array", "minItems": 1, "items": word}]}
    if of.shape in _PATTERNS:
        return {"type": "string", "pattern": _PATTERNS[of.shape]}
    return {
        "choice": word, "text": {"type": "string"}, "flag": {"type": "boolean"},
        "number": {"type": ["number", "string"]}, "mapping": {"type": "object"}, "list": {"type": "array"},
    }.get(of.shape, {})  # fmt: skip
