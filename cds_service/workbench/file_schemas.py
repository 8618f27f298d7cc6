"""JSON Schemas of the content files beside rules: site facts, services, clients, lexicon, order words, routing.

Where the loader has its fields as a table, the schema is made from that table; the lexicon, the order words and the
routing table are described here, with the words of the content at hand. Every shipped file is held against its schema.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.content import files
from cds_service.reading.lexicon import ASSERTIONS, KINDS, SUSPICIONS, TRENDS
from cds_service.rules.kinds import REGIONS
from cds_service.rules.rule import Names

Schema = dict[str, Any]
FILES = {  # schema -> the files of cards/ that it is for
    "rule": "rules/*/*.yaml", "exclusions": "exclusions.yaml", "evidence": "evidence.yaml", "site": "site.yaml",
    "services": "services.yaml", "override-reasons": "override-reasons.yaml", "client": "clients/*.yaml",
    "complete-studies": "complete-studies.yaml", "lexicon": "lexicon/[!_]*.yaml",
    "modifiers": "lexicon/_modifiers.yaml", "organs": "lexicon/_organs.yaml", "order-phrases": "order-phrases.yaml",
    "routing": "routing.yaml", "cancer-regions": "cancer-regions.yaml", "survivors": "survivors.yaml",
}  # fmt: skip
_TEXT: Schema = {"type": "string", "minLength": 1}
_WORDS: Schema = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}
_FLAG: Schema = {"type": "boolean"}


def file_schemas(names: Names, objects: Any) -> dict[str, Schema]:
    """File name -> schema. `objects` makes one from a table of the loader."""

    def listed(table: Mapping[str, Any], what: str) -> Schema:
        return {"type": "array", "description": what, "items": objects(table)}

    site = objects(files.SITE)
    for name, table in files.SITE_LISTS.items():
        site["properties"][name] = listed(table, files.SITE[name].means)
    studies = objects(files.STUDIES)
    for name in ("by_segment", "by_group", "by_region"):
        studies["properties"][name] = {"description": files.STUDIES[name].means, "type": "object",
                                       "additionalProperties": objects(files.STUDY)}  # fmt: skip
    return {
        "site.schema.json": _titled("Facts of one site", site),
        "services.schema.json": _one_list("services", listed(files.SERVICE, "the CDS services that discovery names")),
        "override-reasons.schema.json": _one_list("reasons", listed(files.REASON, "at most six") | {"maxItems": 6}),
        "client.schema.json": _titled("What one EHR can render and accept", objects(files.CLIENT)),
        "complete-studies.schema.json": _titled("The study offered in place of a limited one", studies),
        "lexicon.schema.json": _lexicon(),
        "modifiers.schema.json": _modifiers(),
        "organs.schema.json": _organs(),
        "order-phrases.schema.json": _order_phrases(names),
        "routing.schema.json": _routing(names),
        "cancer-regions.schema.json": _cancer_regions(),
        "survivors.schema.json": _titled("Changes of rules that no test notices, each with its reason", {
            "type": "object", "description": "rule id, or exclusions",
            "additionalProperties": {"type": "object", "description": "change, as `rules test --mutate` names it",
                                     "additionalProperties": _TEXT | {"description": "why it may survive"}}}),
    }  # fmt: skip


def _titled(title: str, schema: Schema) -> Schema:
    return {"title": title, **schema}


def _one_list(name: str, listed: Schema) -> Schema:
    return {"title": f"The {name}", **_object({name: listed}, (name,))}


def _object(properties: Mapping[str, Schema], required: Iterable[str], what: str = "") -> Schema:
    made: Schema = {"type": "object", "additionalProperties": False, "required": sorted(required),
                    "properties": dict(properties)}  # fmt: skip
    return {"description": what, **made} if what else made


def _said(schema: Schema, means: str) -> Schema:
    return {"description": means, **schema}


def _lexicon() -> Schema:
    shared = {
        "severity": _said(_FLAG, "whether mild, moderate and severe grade it"),
        "lesion": _said(_FLAG, "whether it is a lesion, which words can call suspicious or benign"),
        "near": _said(_WORDS, "words of which one must stand in the same sentence"),
        "never_near": _said(_WORDS, "words of which none may stand in the same sentence"),
    }
    phrase = {
        "id": _said(_TEXT, "name of the phrase, unique in this file"),
        "words": _said(_WORDS, "wordings; {a|b} is either, {|a} may be absent"),
        "example": _said(_TEXT, "a sentence that holds the phrase"),
        "expect": _said({"enum": list(ASSERTIONS)}, "how that sentence states it"),
        "suspicion": _said({"enum": list(SUSPICIONS)}, "what the words make of a lesion"),
        "value": _said(_TEXT, "a value that the words state, such as a grade"),
        "with": _said(_WORDS, "words of which one must stand beside it"),
        **shared,
    }
    return _titled("Phrases of report language for one concept", _object({
        "id": _said(_TEXT, "the file's own name; rules name the concept by it"),
        "title": _said(_TEXT, "the concept in plain words"),
        "of_study": _said(_FLAG, "it is about the study and not about the patient"),
        "nothing": _said(_WORDS, "words that look like it and are not"),
        "notes": _said(_TEXT, "for who keeps the file"),
        "phrases": {"type": "array", "minItems": 1, "items": _object(phrase, ("id", "words", "example", "expect"))},
        **shared,
    }, ("id", "title", "phrases")))  # fmt: skip


def _modifiers() -> Schema:
    trigger = {
        "id": _said(_TEXT, "name of the trigger"),
        "kind": _said({"enum": list(KINDS)}, "what it does to a finding"),
        "words": _said(_WORDS, "wordings; {a|b} is either, {|a} may be absent"),
        "example": _said(_TEXT, "a sentence; the words in [brackets] must get the label in expect"),
        "expect": _said({"enum": list(ASSERTIONS)}, "the label"),
        "direction": _said({"enum": ["ahead", "back", "both"]}, "which findings it reaches (ahead)"),
        "reach": _said({"type": "integer", "minimum": 1}, "at most so many words away"),
        "suspicion": _said({"enum": list(SUSPICIONS)}, "what it makes of a lesion"),
        "trend": _said({"enum": list(TRENDS)}, "compared with earlier images"),
    }
    return _titled("Words that deny, doubt, date or merely fear a finding", _object({
        "id": _TEXT, "title": _TEXT, "notes": _TEXT,
        "triggers": {"type": "array", "items": _object(trigger, ("id", "kind", "words", "example", "expect"))},
    }, ("id", "title", "triggers")))  # fmt: skip


def _organs() -> Schema:
    organ = {"id": _said(_TEXT, "the organ"), "words": _said(_WORDS, "its names"), "example": _TEXT}
    return _titled("Organs by their names in reports", _object({
        "id": _TEXT, "title": _TEXT, "notes": _TEXT,
        "organs": {"type": "array", "items": _object(organ, ("id", "words", "example"))},
    }, ("id", "title", "organs")))  # fmt: skip


def _order_phrases(names: Names) -> Schema:
    groups = sorted({group for found in names.value_sets.values() for group in found if group})
    shared = {
        "value_set": _said({"enum": sorted(names.value_sets)}, "the value set that the words stand for"),
        "group": _said({"enum": groups}, "its group"),
        "needs_cancer": _said(_FLAG, "usually for a benign disease: it speaks only with a cancer or suspicious lesion"),
        "example": _said(_WORDS, "must match"),
        "never": _said(_WORDS, "must not match"),
    }
    phrase = {"id": _TEXT, "region": _said({"enum": [*REGIONS, "any"]}, "the region operated on"),
              "words": _said(_WORDS, "words in order; a|b either, word* any ending, ... up to four words between"),
              **shared}  # fmt: skip
    drug = {"names": _said(_WORDS, "ingredients that the value set does not name"), **shared}
    return _titled("What an order's words name where it carries no code of ours", _object({
        "never_before": _WORDS, "never_after": _WORDS, "never_with_drug": _WORDS,
        "phrases": {"type": "array", "items": _object(phrase, ("id", "value_set", "words", "example"))},
        "drugs": {"type": "array", "items": _object(drug, ("names", "value_set", "example"))},
    }, ("phrases",)))  # fmt: skip


def _routing(names: Names) -> Schema:
    who: Schema = {"enum": sorted(names.subspecialties)}
    several: Schema = {"anyOf": [who, {"type": "array", "items": who}]}
    codes: Schema = {"type": "array", "items": _TEXT}
    entry = {
        "label": _said(_TEXT, "as in: a … second read"),
        "performer": _said(codes, "codes that name it on the order: first DICOM, then the nearest NUCC"),
        "proves": _said(codes, "codes on a reader's role that prove it; a nearest code does not"),
        "or": _said(several, "others that are as right"),
    }
    anything: Schema = {"type": ["object", "array", "string"]}
    return _titled("Who reads a second time", _object({
        "systems": _said({"type": "object", "additionalProperties": _TEXT}, "short name to URI"),
        "codes": _said({"type": "object", "additionalProperties": _TEXT}, "code to display, as its system words it"),
        "never_proves": codes,
        "subspecialties": {"type": "object", "additionalProperties": _object(entry, ("label", "performer", "proves"))},
        "by_group": _said(anything, "value set, then group, to subspecialty"),
        "by_region": _said({"type": "object", "additionalProperties": several}, "region to subspecialty"),
        "by_words": _said(anything, "words of an order to subspecialty"),
        "also_right": _said(anything, "region to those that read it as rightly"),
        "unknown_region": _said(anything, "where nothing says the region"),
        "child": _said(several, "joins in for a patient under 18"),
    }, ("subspecialties", "by_group", "by_region")))  # fmt: skip


def _cancer_regions() -> Schema:
    ranges = _said({"type": "array", "items": _TEXT}, "ICD-10-CM categories, single or as a range")
    of_region = {"type": "object", "propertyNames": {"enum": [*REGIONS]}, "additionalProperties": ranges}
    return _titled("The region that a cancer condition points to", _object({"icd10cm": of_region}, ("icd10cm",)))
