"""The assertion of any words of a text: one sentence, a paragraph or a whole report. For measuring and for tests."""

from bisect import bisect_right

from cds_service.model import Assertion
from cds_service.reading.assertion import Standing, judge, lower, scene_of
from cds_service.reading.legend import legends
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.sections import find_sections, standing_of, standing_under
from cds_service.reading.sentences import Sentences
from cds_service.reading.text import Stretch, normalise


def assert_span(
    text: str, start: int, end: int, section: str | None = None, *, lexicon: Lexicon
) -> tuple[Assertion, str | None]:
    """What a text says of its words `start:end`, and the id of the trigger that decided (None: nothing modified them).

    `section` is the heading that the text stands under, in any words. Headings inside the text come before it. The
    text is read as a report is: wrapped lines joined, several blanks as one.
    """
    if not 0 <= start < end <= len(text):
        raise ValueError(f"no words at {start}:{end} of a text of {len(text)} characters")
    plain = normalise(text)
    start, end = _moved(text, plain, start, end)
    low = lower(plain)
    standing: Standing = standing_under(section) if section else "findings"
    sections = find_sections(low, (Stretch("presentedForm", 0, len(low)),))
    within = bisect_right([one.start for one in sections], start) - 1
    if within >= 0 and sections[within].heading:
        standing = standing_of(sections[within])
    explained = any(first <= start <= last for first, last in legends(low))
    if explained and standing not in ("family", "indication"):
        return "hypothetical", "scale-legend"
    first, last = Sentences(low).around(start)
    verdict = judge(scene_of(low[first : max(last, end)], lexicon), start - first, end - first, standing)
    return verdict.assertion, verdict.trigger


def _moved(text: str, plain: str, start: int, end: int) -> tuple[int, int]:
    """Where the words of a text stand in its normalised form, which differs in blanks and in kinds of marks."""
    before = _solid(normalise(text[:start]))
    within = _solid(normalise(text[start:end]))
    places = [at for at, char in enumerate(plain) if not char.isspace()]
    if not within or not places:
        raise ValueError("no words there")
    last = len(places) - 1
    return places[min(before, last)], places[min(before + within - 1, last)] + 1


def _solid(text: str) -> int:
    return sum(not char.isspace() for char in text)
