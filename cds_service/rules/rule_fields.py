"""The fields of a rule file, each said once: for the loader, the editors' schema and the page that lists them."""

from typing import get_args

from cds_service.model import CardOffer
from cds_service.rules.fields import Field
from cds_service.rules.kinds import CONCERNS
from cds_service.rules.lints import LINTS

RULE: dict[str, Field] = {
    "id": Field("text", "name of the rule; the file is called after it", required=True),
    "title": Field("text", "one line that says when it speaks", required=True),
    "version": Field("version", "major.minor.patch", required=True),
    "status": Field("choice", "draft, retired: not evaluated; silent: decided, no card; active: speaks",
                    ("draft", "silent", "active", "retired"), required=True),
    "service": Field("choice", "CDS service through which it speaks", ("second-read",), required=True),
    "catalogue": Field("text", "number in the catalogue of rules, such as R07; variants share one"),
    "concern": Field("choice", "what it is about; an override of its card sticks to it", CONCERNS, required=True),
    "rank": Field("number", "the strongest of several that fire has the lowest", required=True),
    "irreversible": Field("flag", "the treatment cannot be undone; only then can a card warn", required=True),
    "owner": Field("mapping", "team, clinical and technical", required=True),
    "signed": Field("text", "who approved it clinically, or 'not clinically approved'", required=True),
    "reviewed": Field("date", "day of the last review", required=True),
    "review_by": Field("date", "after this day the rule goes silent", required=True),
    "rationale": Field("text", "why it exists", required=True),
    "attributes": Field("mapping", "source attributes of a decision support intervention (45 CFR 170.315(b)(11))"),
    "evidence": Field("list", "ids of cards/evidence.yaml", required=True),
    "known_false_positives": Field("words", "when it speaks and had better not", required=True),
    "parameters": Field("mapping", "numbers with unit and reason, used as $name"),
    "window": Field("duration", "how old the study may be; required unless the rule is exempt from x5-study-window"),
    "criteria": Field("list", "ALL are to be met", required=True),
    "exclusions": Field("list", "ANY one that is met keeps the rule quiet"),
    "except_global": Field("list", "global exclusions that do not apply here, each with its reason"),
    "warns_when": Field("list", "what, all true, makes the card a warning (decision 2); unknown is no"),
    "disagrees_when": Field("list", "any one true: the report stands against the order (decisions 1 and 3)"),
    "explained_by": Field("list", "any one true: something else explains the operation, so no warning"),
    "route": Field("mapping", "who reads again", required=True),
    "card": Field("mapping", "what the card says", required=True),
    "tests": Field("list", "from report text to verdict", required=True),
    "promoted": Field("list", "each step up the ladder draft, silent, active: written by `rules promote`"),
    "silence": Field("list", "lints that do not hold here, each with its reason"),
    "changes": Field("mapping", "what each version changed", required=True),
}  # fmt: skip
OWNER = {
    "team": Field("text", "who keeps the file", required=True),
    "clinical": Field("text", "who answers for it clinically, or 'unassigned'", required=True),
    "technical": Field("text", "who answers for it technically", required=True),
}
ROUTE = {
    "subspecialty": Field("choice", "a fixed subspecialty", "subspecialties"),
    "by": Field(
        "choice",
        "organ: by the organ of the order, then by region; lesion: by the region of the lesion",
        ("organ", "lesion"),
    ),
    "turnaround": Field("duration", "when the answer is expected", required=True),
}
CARD = {
    "offer": Field(
        "choice",
        "what one click orders; a notice orders nothing; a second read where nothing is said",
        get_args(CardOffer),
    ),
    "summary": Field("text", "stands alone: action, study, reason", required=True),
    "why": Field("text", "the first bullet: why this card now", required=True),
    "question": Field("text", "the decision question put to the second reader", required=True),
    "reason": Field("text", "one clause, used when another rule leads the card", required=True),
    "override_reasons": Field("choices", "ids of cards/override-reasons.yaml", "override-reasons", required=True),
}
PARAMETER = {
    "value": Field("number", "the number", required=True),
    "unit": Field("choice", "d, h, or count", ("d", "h", "count"), required=True),
    "why": Field("text", "why this number", required=True),
}
PROMOTED = {
    "to": Field("choice", "the status that it was promoted to", ("silent", "active"), required=True),
    "on": Field("date", "the day", required=True),
    "version": Field("version", "the version that it got", required=True),
    "decides": Field("text", "digest of all that decides; a silent period counts for this alone", required=True),
    "back_test": Field("text", "for active: the file of the back-test"),
    "signed": Field("words", "for active: two people with their roles"),
}
SILENCE = {"lint": Field("choice", "id of the lint", tuple(LINTS), required=True),
           "why": Field("text", "why it does not hold here", required=True)}  # fmt: skip
EXCEPT = {"id": Field("choice", "id of a global exclusion", "global-exclusions", required=True),
          "why": Field("text", "why it does not apply", required=True)}  # fmt: skip


# The thirteen attributes, less what stands elsewhere in the file: citations (evidence) and review date (reviewed).
ATTRIBUTES = {
    "developer": Field("text", "who made the rule", required=True),
    "funding": Field("text", "who paid for putting it into software", required=True),
    "released": Field("date", "first released", required=True),
    "revised": Field("date", "last changed", required=True),
    **{
        name: Field("text", f"how {name.replace('_', ' ')} is used, or 'not used'", required=True)
        for name in (
            "race", "ethnicity", "language", "sexual_orientation", "gender_identity", "sex", "date_of_birth",
            "social_determinants", "health_status_assessments",
        )
    },
}  # fmt: skip
