"""The clause that can stand on a card: a literal stretch of the text, at most 160 characters, cut at a word."""

import re

MOST = 160
_CUTS = re.compile(r"[,:;] |\b(?:and|with|but|which|that|resulting|causing|due|without|there) ", re.IGNORECASE)
_TRIM = " \n\t,;:.-*>("


def clause(text: str, mention: tuple[int, int], needed: tuple[int, int]) -> tuple[int, int]:
    """Bounds of the quote in the sentence `text`. `needed` is what must not be cut off if it fits."""
    start, end = 0, len(text)
    if end - start <= MOST:
        return _trimmed(text, start, end, mention)
    low, high = needed if needed[1] - needed[0] <= MOST else mention
    cuts = [
        start,
        *(match.end() if match[0][0] in ",:;" else match.start() for match in _CUTS.finditer(text)),
        end,
    ]
    for cut in reversed([cut for cut in cuts if cut <= low]):
        if high - cut > MOST:
            break
        start = cut
    if high - start > MOST or start < high - MOST or start > low:
        start = low
    end = high
    for cut in [cut for cut in cuts if cut >= high]:
        if cut - start > MOST:
            break
        end = cut
    if end == high and high < len(text):  # no boundary near: go on to the last word that fits
        limit = min(len(text), start + MOST)
        space = text.rfind(" ", high, limit)
        end = limit if limit == len(text) else space if space > high else high
    if end - start > MOST:
        start, end = mention
        end = min(end, start + MOST)
    return _trimmed(text, start, end, mention)


def _trimmed(text: str, start: int, end: int, mention: tuple[int, int]) -> tuple[int, int]:
    while start < mention[0] and text[start] in _TRIM:
        start += 1
    while end > mention[1] and text[end - 1] in _TRIM:
        end -= 1
    return start, end
