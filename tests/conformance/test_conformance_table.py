"""docs/conformance.md says of every requirement what shows it, and says so truly."""

from conformance.table import SERVICE, TESTS, claimed, exists, page, sections, shown_by

ROWS = [row for rows in sections().values() for row in rows]


def test_every_requirement_stands_once() -> None:
    """All 120 numbers that bind a service have one row, and no other number has."""
    numbers = [number for row in ROWS for number in row.get("req", ())]
    assert len(SERVICE) == 120
    assert sorted(numbers) == sorted(SERVICE)
    items = [row["item"] for row in ROWS if "item" in row]
    assert len(items) == len(set(items))


def test_every_requirement_has_a_test_or_a_reason() -> None:
    """A row has tests that exist, or says why it has none; never both, never neither."""
    for row in ROWS:
        tests = shown_by(row)
        assert bool(tests) != bool(row.get("why_not")), row
        assert all(map(exists, tests)), row


def test_no_test_claims_what_is_not_listed() -> None:
    """A number in a docstring is one that binds a service, or it is a mistake."""
    assert set(claimed()) - SERVICE <= {152}  # the path of feedback: the client's requirement, met by both


def test_the_page_is_current() -> None:
    """docs/conformance.md is what its source makes."""
    assert (TESTS.parent / "docs" / "conformance.md").read_text(encoding="utf-8") == page()
