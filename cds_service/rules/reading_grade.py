"""How hard a card's words are to read: the Flesch-Kincaid grade (Kincaid et al., 1975).

Grade = 0.39 * words per sentence + 11.8 * syllables per word - 15.59. Syllables are counted by groups of
vowels. Terms of the reader's own field are no burden to that reader: they count as words of two syllables.
"""

import re

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_SENTENCE = re.compile(r"[.!?;:]+(?:\s|$)")
_VOWELS = re.compile(r"[aeiouy]+")
_SLOT = re.compile(r"\{\w*\}")
_OF_THE_FIELD = re.compile(
    r"^(?:\w*radiolog\w*|subspecial\w*|\w*stenosis|\w*surg\w+|\w*therap\w*|\w*ectomy|\w*otomy|\w*plasty|metasta\w+|"
    r"malignan\w*|suspicio\w+|indeterminate|foraminal|vertebra\w*|spondylo\w*|herniat\w+|instability|deformity|"
    r"alternative|decompression|operation|resection|pathology|histology|biopsy|carcinoma|aneurysm|systemic|neoadjuvant|"
    r"adjuvant|eligibility|eligible|categor\w+|recurrence|progression|extension|vascular\w*|anatomy|abdominal|"
    r"cysto\w*|oncolog\w+|imaging|radiation|tumou?r|lesions?|nodal|staging|management|hysterectomy|endometri\w+|"
    r"myelo\w+|radiculo\w*|invasi\w+|axilla\w*|infiltrat\w*|chemo\w*|intervention\w*)$"
)


def grade(text: str) -> float:
    """The school grade at which the text reads easily, to a tenth; slots count as one short word."""
    text = _SLOT.sub("it", text)
    words = _WORD.findall(text)
    if not words:
        return 0.0
    sentences = max(len([part for part in _SENTENCE.split(text) if _WORD.search(part)]), 1)
    syllables = sum(_syllables(word.lower()) for word in words)
    return round(0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59, 1)


def _syllables(word: str) -> int:
    if _OF_THE_FIELD.match(word):
        return 2
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    if word.endswith("ed") and not word.endswith(("ted", "ded")) and groups > 1:
        groups -= 1
    return max(groups, 1)
