"""Labels of whole reports: a finding is there where any mention of it is asserted or left open."""

import re
from collections.abc import Mapping

from cds_service.reading import Lexicon, assert_span

STATED = ("present", "uncertain")
_UNLIKELY = ("unlikely", "unlikely-to")


def findings_of(text: str, names: Mapping[str, re.Pattern[str]], lexicon: Lexicon) -> dict[str, tuple[str, str | None]]:
    """Each finding that a report states, with the words that state it and the trigger (None: nothing modified them).

    `names` tells by which words each finding is named. What is called unlikely is not stated.
    """
    low = text.lower()
    found: dict[str, tuple[str, str | None]] = {}
    for name, words in names.items():
        for match in words.finditer(low):
            assertion, trigger = assert_span(text, match.start(), match.end(), lexicon=lexicon)
            if assertion in STATED and trigger not in _UNLIKELY:
                found[name] = (match[0], trigger)
                break
    return found
