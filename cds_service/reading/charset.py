"""From bytes to characters by what the bytes are: declared character sets are wrong too often to be believed."""

import re

_MARKS = (  # longest first: the mark of UTF-32 begins with that of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"), (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
# Windows-1252 where it differs from Latin-1; its five holes stay what Latin-1 says
_WINDOWS = {code: decoded for code in range(0x80, 0xA0) if (decoded := bytes([code]).decode("cp1252", "ignore"))}
_BACK = {ord(char): code for code, char in _WINDOWS.items()}
_FOLLOWS = "".join(_WINDOWS.get(code, chr(code)) for code in range(0x80, 0xC0))
_MANGLED = re.compile(rf"(?:[\u00c2-\u00f4][{re.escape(_FOLLOWS)}]{{1,3}})+")
_SAMPLE = 2048


def characters(raw: bytes) -> str | None:
    """The text of these bytes, or None where they are no text; never raises.

    A byte order mark decides; else UTF-16 shows by its zero bytes; else what is valid UTF-8 is UTF-8; else it is
    Windows-1252, which holds Latin-1. UTF-8 that was once decoded as Windows-1252 is repaired.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    raw = raw.rstrip(b"\x00") if raw.endswith(b"\x00\x00\x00") else raw
    head = raw[:_SAMPLE]
    zeros = head.count(b"\x00")
    if zeros:
        pairs = max(1, len(head) // 2)
        even, odd = head[::2].count(b"\x00"), head[1::2].count(b"\x00")
        if odd > 0.6 * pairs and even < 0.05 * pairs:
            return raw.decode("utf-16-le", "replace")
        if even > 0.6 * pairs and odd < 0.05 * pairs:
            return raw.decode("utf-16-be", "replace")
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3 and error.start:  # cut within its last character
            text = raw[: error.start].decode("utf-8")
        else:
            text = raw.decode("latin-1").translate(_WINDOWS)
    return repaired(text)


def repaired(text: str) -> str:
    """The text with every stretch that is UTF-8 taken for Windows-1252 (`â‰¥ 5 mm`) put right, even twice over."""
    for _ in range(2):
        if text.isascii():
            return text
        mended = _MANGLED.sub(_mended, text)
        if mended == text:
            return text
        text = mended
    return text


def _mended(found: re.Match[str]) -> str:
    try:
        return found[0].translate(_BACK).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return found[0]
