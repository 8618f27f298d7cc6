"""The kinds of criteria and the fields of each, said once: for the loader, the compiler and the editors' schema."""

from typing import get_args

from cds_service.model import SEVERITIES, Assertion, OrderKind, ReportKind, SectionKind, Suspicion
from cds_service.rules.fields import Field

ORDER_STATUS = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
PRIORITIES = ("routine", "urgent", "asap", "stat")
ENCOUNTERS = ("EMER", "AMB", "IMP", "ACUTE", "SS", "VR", "OBSENC", "PRENC", "HH", "NONAC", "FLD")
REPORT_STATUS = (
    "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
    "entered-in-error", "unknown",
)  # fmt: skip
MODALITIES = ("CT", "MR", "PT", "MG", "US", "NM", "XA", "DX", "CR", "RF")
REGIONS = (
    "spine", "brain", "neck", "chest", "heart", "abdomen", "pelvis", "breast", "msk", "vascular", "neurovascular",
    "whole-body", "other",
)  # fmt: skip
INTENTS = (
    "curative",
    "definitive",
    "radical",
    "palliative",
    "adjuvant",
    "neoadjuvant",
    "prophylactic",
    "maintenance",
    "salvage",
)
CALLS = ("suspicious", "indeterminate", "probably-benign", "benign")
FLAGS = ("high", "intermediate", "limited", "benign")
TRENDS = ("new", "larger", "stable", "smaller", "resolved")
CONCERNS = (
    "spine", "staging", "lesion", "incidental", "response", "vessel", "quality", "notice", "diffuse", "joint",
)  # fmt: skip
# Category systems whose values a rule may name, worst last: what is worse than a named value stands against it.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "Bosniak": ("I", "II", "IIF", "III", "IV"),
    "BI-RADS": ("1", "2", "3", "0", "4", "4A", "4B", "4C", "5", "6"),
    "Lung-RADS": ("1", "2", "3", "0", "4A", "4", "4B", "4X"),
    "TI-RADS": ("1", "2", "3", "4", "4A", "4B", "4C", "5"),
    "LI-RADS": ("1", "2", "3", "4", "5", "M", "TIV"),
    "O-RADS": ("1", "2", "3", "0", "4", "5"),
    "PI-RADS": ("1", "2", "3", "4", "5"),
}
PROCEDURE_STATUS = ("preparation", "in-progress", "on-hold", "stopped", "completed", "unknown")

_IN = Field("members", "codes of these groups of our value sets: {value-set: [group, …] | any}")
_ABOUT = Field("choices", "lexicon concepts that the report is to speak of", "concepts", required=True)
_SECTIONS = Field("choices", "sections of the report that count", get_args(SectionKind))
_ASSERTION = Field("choices", "how the report states it; present where nothing is said", get_args(Assertion))

KINDS: dict[str, dict[str, Field]] = {
    "order": {
        "kind": Field("choices", "what is being ordered", get_args(OrderKind)),
        "in": _IN,
        "needs_cancer": Field("flag", "the code is of an operation or drug that is usually for a benign disease"),
        "status": Field("choices", "status of the order", ORDER_STATUS),
        "priority": Field("choices", "priority; one that is not sent is routine", PRIORITIES),
        "intents": Field("choices", "treatment intent that the order states", INTENTS),
        "start_within": Field("duration", "the planned start is sooner than this"),
        "start_after": Field("duration", "the planned start is this late or later"),
        "min_cycle": Field("number", "the cycle that the order states is this or later"),
        "renewal": Field("flag", "the order renews one, or is already active and signed again unchanged"),
        "inpatient_code": Field("flag", "the order carries an inpatient procedure code (ICD-10-PCS)"),
        "words": Field("words", "words in the order's code or text"),
        "region": Field("choices", "the body region of the order is one of these", REGIONS),
    },
    "encounter": {"class": Field("choices", "class of the encounter", ENCOUNTERS, required=True)},
    "study": {
        "modality": Field("choices", "modalities of which the study has one", MODALITIES),
        "organ_modality": Field("mapping", "further modalities for single organs: {US: [breast, thyroid, …]}"),
        "region": Field("choices", "same-as-order, or regions of which the study shows one",
                        ("same-as-order", "any", *REGIONS)),
        "segments": Field("choice", "agree: the spine segment is that of the order, where both are known", ("agree",)),
        "max_age": Field("duration", "how old the study may be"),
        "status": Field("choices", "status of the study",
                        ("registered", "available", "cancelled", "entered-in-error", "unknown")),
    },
    "report": {
        "status": Field("choices", "a report of the study is on file, of one of these statuses", REPORT_STATUS),
    },
    "reports": {
        "kind": Field("choices", "kinds of report", get_args(ReportKind), required=True),
        "same_region": Field("flag", "of the region of the order, where both are known"),
        "after_study": Field("flag", "issued after the study"),
    },
    "finding": {
        "about": _ABOUT,
        "assertion": _ASSERTION,
        "sections": _SECTIONS,
        "worst_severity": Field("choices", "the worst grade at the planned level is one of these", SEVERITIES),
        "suspicion": Field("choices", "what the words make of a lesion", get_args(Suspicion)),
        "rads": Field("choices", "what a RADS category says", FLAGS),
        "hedged": Field("flag", "the report leaves it open: uncertain, hedged or indeterminate"),
        "at": Field("choice", "planned: only at the level and side that the order names", ("planned", "anywhere")),
        "min_value": Field("number", "the value is this or more, such as a grade"),
        "same_region": Field("flag", "of the region of the order, where the words name one"),
        "trend": Field("choices", "compared with earlier images", TRENDS),
    },
    "imaged": {
        "modality": Field("choices", "modalities of which such a study has one", MODALITIES, required=True),
        "organ_modality": Field("mapping", "further modalities for single organs: {US: [breast, thyroid, …]}"),
        "segments": Field("choice", "agree: of the spine segment of the order, where both are known", ("agree",)),
        "max_age": Field("duration", "how old such a study may be, by calendar day", required=True),
        "none": Field("flag", "true: met where no such study is on file"),
    },
    "disagreement": {
        "about": Field("choices", "lexicon concepts that are to be severe where the operation is planned", "concepts"),
        "categories": Field("mapping", "values of a category system that speak against the operation: {Bosniak: [II]}"),
        "elsewhere": Field("choices", "concepts that the report asserts at another level or side alone", "concepts"),
        "explained_by": Field("choices", "concepts that, plainly present there, explain the operation", "concepts"),
    },
    "lesion": {"call": Field("choices", "what the report makes of the lesion, at worst", CALLS, required=True)},
    "incidental": {
        "partly_imaged": Field("flag", "true: the report says that the study shows it in part; false: it does not"),
    },
    "conflict": {"with": Field("choices", "what the second read says otherwise than", ("report", "order"),
                               required=True)},
    "condition": {
        "in": Field("members", _IN.means, required=True),
        "suspected": Field("flag", "true: only provisional or differential ones; false: only confirmed or unstated"),
        "reasons": Field("flag", "the reasons of the order count too"),
        "reasons_only": Field("flag", "the reasons of the order count, and nothing else"),
        "same_region": Field("flag", "a condition of another region than the order's does not count"),
        "none": Field("flag", "true: met where there is no such condition"),
    },
    "procedure": {
        "in": Field("members", _IN.means, required=True),
        "status": Field("choices", "status of the procedure", PROCEDURE_STATUS),
        "same_region": Field("flag", "of the region of the order, where both are known"),
        "after_study": Field("flag", "done after the study"),
    },
    "on_file": {
        "in": _IN,
        "words": Field("words", "words in the code or text of that order"),
        "status": Field("choices", "status of the order on file", ORDER_STATUS),
    },
    "stage": {"basis": Field("choices", "c: clinical, p: pathologic", ("c", "p"), required=True)},
    "reason": {"words": Field("words", "words in the reasons of the order or in active conditions", required=True)},
    "second_read": {"state": Field("choice", "done or ordered; back: done, and younger than the basis report",
                                   ("done", "ordered", "back"), required=True)},
    "acknowledged": {
        "answered": Field("duration", "a notice of this second read was answered this long ago or less; absent: ever"),
        "returned": Field("duration", "or was only returned, this long ago or less"),
        "session": Field("duration", "but within it the same order gets the notice again"),
        "none": Field("flag", "true: met where no such notice is on record"),
    },
    "opted_out": {},  # the site has exempted the user, or the encounter's or the order's place (X12)
    "reader": {"unless_disagrees": Field("flag", "false where the report itself stands against the order")},
    "window": {},  # the study is older than the window of the rule, or its report is not final
    "lead_time": {"under": Field("duration", "the start is nearer than this; absent: nearer than the turnaround")},
    "repeat": {"same_code": Field("flag", "for systemic therapy: only an order of the same drug or regimen counts"),
               "within": Field("duration", "how far back an order makes this one a later cycle", required=True),
               "session": Field("duration", "signing again within it is the same decision", required=True)},
    "history": {
        "session": Field("duration", "a signing session: the same order gets the same card again", required=True),
        "answered": Field("duration", "quiet for this long after a card was accepted or overridden", required=True),
        "returned": Field("duration", "quiet for this long after a card was only returned", required=True),
    },
    "rule": {"concern": Field("choices", "the rule that asks is of this concern", CONCERNS, required=True)},
    "fhirpath": {
        "on": Field("choice", "the resource that is asked", ("order", "study", "report", "patient"), required=True),
        "expression": Field("text", "FHIRPath, where no other kind says it; nothing found is no, or unknown where "
                                    "the resource could not be had", required=True),
    },
    "images": {},  # no imaging study and no radiology report is on file
}  # fmt: skip

# What request and prefetch can decide, before a report is read; and what differs from rule to rule.
EARLY = frozenset(KINDS) - {"fhirpath", "finding", "disagreement", "lesion", "incidental", "conflict"}
OF_RULE = frozenset({"rule", "reader", "window", "lead_time", "history", "acknowledged"})
