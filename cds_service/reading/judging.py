"""How a mention is judged beyond its triggers: former categories, scales, requests, one thing against another."""

import re

from cds_service.reading.assertion import Scene, Standing, Verdict, judge
from cds_service.reading.binding import is_alternative
from cds_service.reading.lexicon import Phrase
from cds_service.reading.rads import Category
from cds_service.reading.sentence import Mention

NO_ALTERNATIVE = ("lesion", "limited-study", "recommendation", "comparison")
_FORMER_CATEGORY = re.compile(
    r"(?:previous(?:ly)?|prior|formerly|initially|(?:down|up)graded from|changed from|from|last|old)"
    r"(?: (?:\w+ ){0,3}(?:was|of|as|category|assessment|exam|study|mammogram|ultrasound|mri|ct|scan|report"
    r"|assigned|assessed|categorized|classified))?["
    r" :,(]{0,3}\Z"
)
_ON_CONDITION = re.compile(
    r"\b(?:if|should|unless|in case of) (?:symptoms|clinically|clinical|there|the patient|indicated|desired|needed)"
)
_EXPLAINS = re.compile(  # `PI-RADS 4 requires biopsy`
    r" ?(?:lesions? |nodules? |findings? |observations? )?(?:requires?|corresponds? to|means|denotes|indicates"
    r"|is defined as|are defined as|is assigned (?:when|to|if)|carr(?:y|ies) an?|would be|should (?:be|undergo)"
    r"|by definition)\b"
)
_AT_MOST = re.compile(r"(?:higher|greater|more|worse|larger|above) than (?:an? )?\Z|(?:above|exceed(?:s|ing)) \Z")
_ON_PRIOR = re.compile(
    r"[ )(]{0,2}(?:(?:on|at|in|from) (?:the |an )?)?(?:prior|previous(?:ly)?|earlier)\b(?! (?:seen|noted|known))"
)


def judge_mention(scene: Scene, mention: Mention, section: Standing) -> Verdict:
    """The verdict on one mention of a sentence."""
    start, end, what = mention
    if isinstance(what, Phrase) and what.of_study and section in ("technique", "comparison"):
        section = "findings"
    verdict = judge(scene, start, end, section)
    if isinstance(what, Phrase) and what.concept == "recommendation":
        return _asked(scene.low, verdict)
    if (
        isinstance(what, Phrase) and verdict.assertion == "present" and what.concept not in NO_ALTERNATIVE
        and is_alternative(scene.low, (start, end))
    ):  # fmt: skip
        return Verdict("uncertain", "versus", True, verdict.reach)
    if isinstance(what, Category) and verdict.assertion in ("present", "uncertain"):
        head = scene.low[max(0, start - 60) : start]
        if _FORMER_CATEGORY.search(head) or _ON_PRIOR.match(scene.low, end):
            return Verdict("historical", "prior-category", verdict.hedged, verdict.reach)
        if _EXPLAINS.match(scene.low, end):
            return Verdict("hypothetical", "scale-legend", verdict.hedged, verdict.reach)
    if (
        isinstance(what, Category)
        and verdict.assertion == "absent"
        and _AT_MOST.search(scene.low[max(0, start - 24) : start])
    ):
        return Verdict("present", "no-more-than", verdict.hedged, verdict.reach)
    return verdict


def _asked(low: str, verdict: Verdict) -> Verdict:
    """A recommendation: `suggested` and `may be considered` ask softly; `if symptoms persist` asks for later."""
    if verdict.assertion in ("present", "uncertain") and _ON_CONDITION.search(low):
        return Verdict("hypothetical", "if", verdict.hedged, verdict.reach)
    return verdict._replace(assertion="present") if verdict.assertion == "uncertain" else verdict
