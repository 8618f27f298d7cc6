"""What a look-up costs does not depend on how many codes there are: probes are counted, no time is measured."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.model import Member
from cds_service.terminology.index import Codes

SYSTEM = "urn:example:codes"


class Counting(dict[Any, Any]):
    """A dictionary that counts how often it is asked."""

    probes = 0

    def get(self, key: Any, default: Any = None) -> Any:
        """Count, then answer."""
        self.probes += 1
        return super().get(key, default)

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("a look-up walks through the codes")

    def items(self) -> Any:
        """No look-up may ask for this."""
        raise AssertionError("a look-up walks through the codes")


def codes(size: int) -> Codes:
    """`size` exact codes and `size` prefixes of at most six characters."""
    made = Codes()
    for number in range(size):
        for match, code in (("exact", f"E{number}"), ("prefix", f"{number % 1_000_000:06d}"[:6])):
            made.add(Member("set", "group", code, SYSTEM, "", None, False, "code"), match)
    made.exact, made.prefixes = Counting(made.exact), Counting(made.prefixes)
    return made


SMALL, LARGE = codes(10), codes(50_000)


@pytest.mark.parametrize("code", ["E5", "000005", "0000057788", "nothing", "999999Z", "Z"])
def test_probes_do_not_grow_with_the_codes(code: str) -> None:
    """Ten codes or fifty thousand: a code costs at most one exact probe and one for each length of a prefix."""
    for of in (SMALL, LARGE):
        of.exact.probes = of.prefixes.probes = 0  # type: ignore[attr-defined]
        of.find([(SYSTEM, code)])
        assert of.exact.probes == 1  # type: ignore[attr-defined]
        assert of.prefixes.probes <= 6  # type: ignore[attr-defined]


@given(st.text("0123456789EZ", min_size=1, max_size=40), st.integers(1, 8))
def test_probes_are_bounded_for_any_code(code: str, codings: int) -> None:
    """However long a code is, prefixes are only asked for up to the longest that is listed."""
    LARGE.exact.probes = LARGE.prefixes.probes = 0  # type: ignore[attr-defined]
    LARGE.find([(SYSTEM, code)] * codings)
    assert LARGE.exact.probes <= codings  # type: ignore[attr-defined]
    assert LARGE.prefixes.probes <= 6 * codings  # type: ignore[attr-defined]
