"""What the form of a sentence says where no trigger does: two possibilities, an empty box, an operation done for it.

Asked only of mentions that nothing modifies; each question has a cheap one before it.
"""

import re
from collections.abc import Iterable

from cds_service.model import Assertion

_OR_BEHIND = re.compile(r",? or (?!(?:more|less|so|not|without|greater|larger|smaller|two|three|four|five|other)\b|\d)")
_OR_BEFORE = re.compile(r"(?<!\bwith)(?<!\bone)(?<!\btwo)(?<!\d) or (?:(?:a|an|the|early|mild|small|some|even) )*\Z")
_EMPTY_BOX = re.compile(r"(?:\[ ?\]|☐) ?\Z")
_MARKED_BOX = re.compile(r"\[ ?x ?\]|☒|☑")
_OPERATION = re.compile(
    r"\b[a-z]*(?:ectomy|otomy|ostomy|plasty|desis|fusion|decompression|bypass|cabg|orif|resection|repair|reconstruction|replacement|stenting"
    r"|(?:chemo|radio)?(?:therapy|radiation|radiotherapy)|surgery|ablation|emboli[sz]ation|transplant(?:ation)?)\b"
    r"[^,;:]{0,60}? (?:for|of) (?:(?:a|an|the|his|her|known|previous|left|right|large|small) ){0,3}\Z"
)
_DONE = re.compile(r"\b(?:previous|prior|post|s/p|status|underwent|undergone|had|old|remote|after)\b")
_IN_YEAR = re.compile(r"[^;:]{0,30}\b(?:19|20)\d\d\b")
_MODIFYING = ("negation", "pseudo", "hypothetical", "indication", "resolved")


def unmarked(low: str, start: int, end: int, kinds: Iterable[str]) -> tuple[Assertion, str | None]:
    """(assertion, what decided) of words that no trigger reaches; `kinds` are those of the sentence's triggers."""
    if ("[" in low or "☐" in low) and _EMPTY_BOX.search(low, 0, start) and _MARKED_BOX.search(low):
        return "absent", "empty-box"
    if " or " in low and (_OR_BEHIND.match(low, end) or _OR_BEFORE.search(low, max(0, start - 30), start)):
        if not any(kind in _MODIFYING for kind in kinds):
            return "uncertain", "one-or-other"
    elif " for " in low or " of " in low:
        operation = _OPERATION.search(low, max(0, start - 120), start)
        if operation and (
            _DONE.search(low, max(0, start - 120), start) or _IN_YEAR.search(operation[0]) or _IN_YEAR.match(low, end)
        ):
            return "historical", "operated-for"
    return "present", None
