"""Asking a terminology server: whole answers about what was asked are kept and used, all others cost a warning."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from parts.terminology import EDITION, SNOMED, Asked, Terminology, terminology

from cds_service.config import load_settings
from cds_service.errors import SettingsError
from cds_service.expansion import Refreshed, Server, keep_fresh, server_of_settings
from cds_service.expansion.asking import MOST_BYTES, PAGE
from cds_service.outbound.connections import guarded_session
from cds_service.terminology.descendants import read_descendants

DAY = date(2026, 11, 28)
TOP, MIDDLE, LEAF, ALONE = "900000001", "900000002", "900000003", "900000009"
TREE = {TOP: (), MIDDLE: (TOP,), LEAF: (MIDDLE,), "900000004": (MIDDLE, TOP), ALONE: ()}


@pytest.fixture
def snomed() -> Iterator[Terminology]:
    """A server that behaves, with an invented hierarchy of five codes."""
    with terminology(parents=dict(TREE)) as server:
        yield server


@pytest.fixture
def ask(snomed: Terminology, tmp_path: Path) -> Callable[..., Refreshed]:
    """Ask that server about codes, on a day."""

    def asking(*codes: str, base: str | None = None, system: str = SNOMED, **how: Any) -> Refreshed:
        server = Server(base or snomed.base, guarded_session, how.pop("authorization", None))
        keys = [(system, code) for code in codes]
        return keep_fresh(keys, server, tmp_path / "below.json", **({"today": DAY, "seconds": 5} | how))

    return asking


def codes_of(found: Refreshed, code: str, system: str = SNOMED) -> list[str] | None:
    """The codes below one, or None where nothing is known."""
    below = found.descendants.of.get((system, code))
    return None if below is None else [each for each, _ in below.codes]


def test_all_below_a_code_is_found_and_kept(ask: Callable[..., Refreshed], tmp_path: Path) -> None:
    """Children, grandchildren and what has two parents come once each, without the code; day and edition stand by."""
    found = ask(TOP, ALONE)
    assert found.warnings == ()
    assert codes_of(found, TOP) == [MIDDLE, LEAF, "900000004"]
    assert codes_of(found, ALONE) == []
    below = found.descendants.of[SNOMED, TOP]
    assert (below.asked, below.version, below.codes[0]) == (DAY, EDITION, (MIDDLE, f"Invented {MIDDLE}"))
    assert read_descendants(tmp_path / "below.json")[1] == found.descendants


def test_kept_answers_are_not_asked_for_again(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """The same codes of the same server within thirty days: no request; a day later: all anew."""
    first = ask(TOP, ALONE)
    snomed.asked.clear()
    again = ask(ALONE, TOP, today=DAY + timedelta(days=29))
    assert (snomed.asked, again.descendants, again.warnings) == ([], first.descendants, ())
    assert ask(TOP, ALONE, today=DAY + timedelta(days=30)).answered == {(SNOMED, TOP), (SNOMED, ALONE)}
    assert {each.code for each in snomed.asked} == {TOP, ALONE}


def test_another_question_is_another_answer(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """With one code more all are asked, and what is asked no longer is not given out."""
    ask(TOP)
    snomed.asked.clear()
    assert codes_of(ask(TOP, MIDDLE), MIDDLE) == [LEAF, "900000004"]
    assert {each.code for each in snomed.asked} == {TOP, MIDDLE}
    assert set(ask(MIDDLE).descendants.of) == {(SNOMED, MIDDLE)}


def test_another_server_is_not_answered_for(ask: Callable[..., Refreshed]) -> None:
    """What one server said is never used for another, which may hold another edition."""
    ask(TOP)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        found = ask(TOP, base=f"http://127.0.0.1:{nobody.getsockname()[1]}/fhir")
    assert codes_of(found, TOP) is None
    assert found.warnings == (
        "not reached: 1 of 1 marked codes not answered; they match 0 by earlier answers, 1 exactly",
    )


@pytest.mark.parametrize("page", [1, 2, 3, 4, 1_000])
def test_pages_add_up(ask: Callable[..., Refreshed], snomed: Terminology, page: int) -> None:
    """However few codes a server gives at once, all arrive, and no page is asked for twice."""
    snomed.page = page
    found = ask(TOP)
    assert codes_of(found, TOP) == [MIDDLE, LEAF, "900000004"]
    offsets = [each.offset for each in snomed.asked]
    assert offsets == list(range(0, 4, page))


def test_many_thousand_codes_come_in_pages(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """As large as the neoplasms of SNOMED CT: some twenty pages."""
    snomed.parents |= {str(910_000_000 + number): (ALONE,) for number in range(19_500)}
    found = ask(ALONE, seconds=30)
    assert found.warnings == ()
    assert len(codes_of(found, ALONE) or ()) == 19_500
    assert len(snomed.asked) == 19_501 // PAGE + 1


@pytest.mark.parametrize("told", ["total", "nothing", "offset"])
def test_servers_that_say_little(ask: Callable[..., Refreshed], snomed: Terminology, told: str) -> None:
    """Whole by `total`, or by no word of pages at all; in pages that name no total, up to an empty one."""

    def little(asked: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        for name in {"total", "offset"} - {told}:
            del honest["expansion"][name]
        return honest

    snomed.reply = little
    snomed.page = 3 if told == "offset" else 1_000
    found = ask(TOP)
    assert (codes_of(found, TOP), found.warnings) == ([MIDDLE, LEAF, "900000004"], ())


def test_nested_answers_are_flattened(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """Codes below codes, and headings without a code, are read as one list."""

    def nested(_: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        first, *rest = honest["expansion"]["contains"]
        honest["expansion"]["contains"] = [
            {"abstract": True, "display": "A heading", "contains": [first | {"contains": rest}]}
        ]
        return honest

    snomed.reply = nested
    assert codes_of(ask(TOP), TOP) == [MIDDLE, LEAF, "900000004"]


def test_a_server_that_takes_no_value_set(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """It is asked for the implicit value set of SNOMED CT instead, in pages too; other systems have none."""
    snomed.takes_value_sets, snomed.page = False, 3
    assert codes_of(ask(TOP), TOP) == [MIDDLE, LEAF, "900000004"]
    assert [(each.method, each.offset) for each in snomed.asked] == [("POST", 0), ("GET", 0), ("GET", 3)]
    snomed.system = "urn:example:orders"
    assert "HTTP 422" in ask(TOP, system="urn:example:orders").warnings[0]


def test_a_hierarchy_of_the_site(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """Any code system with a hierarchy can be asked for."""
    snomed.system = "urn:example:orders"
    snomed.parents = {"SURG": (), "SURG-1": ("SURG",)}
    assert codes_of(ask("SURG", system=snomed.system), "SURG", snomed.system) == ["SURG-1"]


def outcome(status: int) -> Callable[[Asked, dict[str, Any]], Any]:
    """This status, and an OperationOutcome."""
    return lambda _asked, _honest: (status, b'{"resourceType":"OperationOutcome","issue":[]}')


def entries(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Asked, dict[str, Any]], Any]:
    """The honest answer with other entries."""

    def changed(_: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        honest["expansion"]["contains"] = change(honest["expansion"]["contains"])
        return honest

    return changed


def expansion(**parts: Any) -> Callable[[Asked, dict[str, Any]], Any]:
    """The honest answer with these parts of its expansion."""

    def changed(_: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        honest["expansion"] |= parts
        return honest

    return changed


def go_round(asked: Asked, honest: dict[str, Any]) -> dict[str, Any]:
    """After the last page the first comes again."""
    honest["expansion"] |= {"total": 10, "offset": asked.offset}
    honest["expansion"]["contains"] = honest["expansion"]["contains"] or [{"system": SNOMED, "code": TOP}]
    return honest


HOSTILE = {
    "html": (lambda *_: (200, b"<!doctype html><form>sign in</form>"), "not JSON"),
    "an error": (outcome(500), "HTTP 500"),
    "too costly": (outcome(422), "HTTP 422"),
    "away": (lambda *_: (302, b"http://127.0.0.1:9/fhir/ValueSet/$expand"), "it leads elsewhere"),
    "huge": (lambda *_: (200, b" " * (MOST_BYTES + 1)), "more than 16 MiB"),
    "cut": (lambda *_: (200, b'{"resourceType": "ValueSet", "expa'), "not JSON"),
    "another resource": (lambda *_: {"resourceType": "Bundle"}, "not an expanded ValueSet"),
    "a list": (lambda *_: (200, b"[]"), "not an expanded ValueSet"),
    "not expanded": (lambda *_: {"resourceType": "ValueSet", "status": "active"}, "not an expanded ValueSet"),
    "another system": (entries(lambda all: [*all[:-1], all[-1] | {"system": "urn:other"}]), "a code of another system"),
    "no system": (entries(lambda all: [{"code": TOP}, *all[1:]]), "a code of another system"),
    "no such code": (entries(lambda all: [*all, {"system": SNOMED, "code": "LEFT ARM"}]), "a code that is none"),
    "code of no text": (entries(lambda all: [*all, {"system": SNOMED, "code": 7}]), "a code that is none"),
    "a code twice": (entries(lambda all: [*all[:-1], all[0]]), "a code came twice"),
    "pages in a circle": (go_round, "a code came twice"),
    "something else": (expansion(total=1, contains=[{"system": SNOMED, "code": ALONE}]), "the code itself is missing"),
    "nothing": (expansion(total=0, contains=[]), "the code itself is missing"),
    "fewer": (expansion(total=5), "fewer codes than announced"),
    "more": (expansion(total=2), "more codes than announced"),
    "a strange total": (expansion(total="4"), "a total that is no count"),
    "another page": (expansion(offset=7), "another page than was asked for"),
    "another shape": (entries(lambda all: {"0": all}), "an expansion of another shape"),
    "a list of texts": (entries(lambda all: ["900000001"]), "an expansion of another shape"),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "why"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_changes_nothing(
    ask: Callable[..., Refreshed], snomed: Terminology, tmp_path: Path, reply: Any, why: str
) -> None:
    """Whatever comes that is not the whole answer: a warning of fixed words, what was kept stays, else exact codes."""
    snomed.reply = reply
    before = ask(TOP)
    assert codes_of(before, TOP) is None
    assert before.warnings[0].startswith(why)
    assert not (tmp_path / "below.json").exists()
    snomed.reply = None
    good = ask(TOP)
    kept = (tmp_path / "below.json").read_bytes()
    snomed.reply = reply
    after = ask(TOP, always=True)
    assert after.descendants == good.descendants
    reason = before.warnings[0].partition(":")[0]
    (warning,) = after.warnings
    assert warning == f"{reason}: 1 of 1 marked codes not answered; they match 1 by earlier answers, 0 exactly"
    assert (tmp_path / "below.json").read_bytes() == kept


def test_one_bad_answer_spares_the_others(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """A code that the server cannot expand is matched exactly; the others are expanded."""
    snomed.reply = lambda asked, honest: (500, b"") if asked.code == MIDDLE else honest
    found = ask(TOP, MIDDLE, ALONE)
    assert set(found.descendants.of) == {(SNOMED, TOP), (SNOMED, ALONE)}
    assert found.warnings == ("HTTP 500: 1 of 3 marked codes not answered; they match 0 by earlier answers, 1 exactly",)
    snomed.reply = None
    snomed.asked.clear()
    assert ask(TOP, MIDDLE, ALONE).answered == {(SNOMED, MIDDLE)}
    assert {each.code for each in snomed.asked} == {MIDDLE}


def test_a_slow_server_does_not_hold_the_start(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """The time is over when it is over, for all codes together; what came in time is used."""

    def slow(asked: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        if asked.code != TOP:
            time.sleep(3)
        return honest

    snomed.reply = slow
    started = time.monotonic()
    found = ask(TOP, MIDDLE, LEAF, ALONE, seconds=0.6)
    assert time.monotonic() - started < 2
    assert set(found.descendants.of) == {(SNOMED, TOP)}
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("no answer in time: 3 of 4")


def test_a_dripping_server_does_not_hold_the_start(ask: Callable[..., Refreshed]) -> None:
    """Bytes that come one by one for ever end with the time too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip() -> None:
            line, _ = listener.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n\r\n")
                while not over.wait(0.05):
                    try:
                        line.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        started = time.monotonic()
        found = ask(TOP, base=f"http://127.0.0.1:{listener.getsockname()[1]}/fhir", seconds=0.6)
        assert time.monotonic() - started < 2
        over.set()
        thread.join(2)
    assert found.warnings[0].startswith("no time is left: 1 of 1")


def test_a_closed_door_is_knocked_at_once(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """With a wrong secret the first refusal is enough; with the right one all is answered."""
    snomed.token = "Bearer of-the-site"
    found = ask(TOP, MIDDLE, LEAF)
    assert found.warnings[0].startswith("HTTP 401: 3 of 3")
    assert len(snomed.asked) == 1
    assert ask(TOP, MIDDLE, LEAF, authorization="Bearer of-the-site").warnings == ()


def test_a_broken_file_is_asked_for_anew(ask: Callable[..., Refreshed], tmp_path: Path) -> None:
    """A file that is none costs a warning and a question, and is whole again."""
    for torn in ("", "{", "[]", '{"asked": 1, "server": "x", "answers": [{}]}'):
        (tmp_path / "below.json").write_text(torn)
        found = ask(TOP)
        assert found.warnings[0].startswith("the kept answers cannot be used")
        assert codes_of(found, TOP)
        assert ask(TOP).warnings == ()


def test_answers_that_cannot_be_kept_are_used(ask: Callable[..., Refreshed], tmp_path: Path) -> None:
    """Where the file cannot be written the answers serve this start, and a warning says so."""
    (tmp_path / "below.json").mkdir()
    found = ask(TOP)
    assert codes_of(found, TOP)
    assert any("cannot be kept" in warning for warning in found.warnings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below.json"]


def test_the_digest_is_of_the_codes_alone(ask: Callable[..., Refreshed], snomed: Terminology) -> None:
    """Asked on another day, the same codes are the same content; one code more is other content."""
    first = ask(TOP)
    again = ask(TOP, today=DAY + timedelta(days=40))
    assert again.answered
    assert again.descendants.digest == first.descendants.digest
    snomed.parents["900000005"] = (LEAF,)
    assert ask(TOP, always=True).descendants.digest != first.descendants.digest
    assert first.descendants.only(()).digest != first.descendants.digest


def test_the_secret_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    """One line of a file; what cannot be a header stops the start before anything is asked."""
    secret = tmp_path / "secret"
    secret.write_text("Bearer of-the-site\n")
    environment = {
        "SECOND_READ_AUTH": "off",
        "SECOND_READ_TERMINOLOGY_SERVER": "https://terminology.hospital.example/fhir/",
        "SECOND_READ_TERMINOLOGY_AUTHORIZATION_FILE": str(secret),
    }
    settings = load_settings(environment)
    server = server_of_settings(settings)
    assert server is not None
    assert (server.base, server.authorization) == ("https://terminology.hospital.example/fhir", "Bearer of-the-site")
    assert "of-the-site" not in repr(server)
    assert server_of_settings(replace(settings, terminology_server=None)) is None
    for wrong in (b"Bearer a\nX-Other: b", b"\xff\xfe"):
        secret.write_bytes(wrong)
        with pytest.raises(SettingsError, match="secret"):
            server_of_settings(settings)
    secret.unlink()
    with pytest.raises(SettingsError, match="secret"):
        server_of_settings(settings)


def test_the_file_says_what_it_is_about(ask: Callable[..., Refreshed], snomed: Terminology, tmp_path: Path) -> None:
    """A person can read in the file who was asked, when, and what the answer was."""
    ask(TOP)
    kept = json.loads((tmp_path / "below.json").read_text())
    assert kept["server"] == snomed.base
    (answer,) = kept["answers"]
    assert (answer["code"], answer["asked"], answer["version"]) == (TOP, "2026-11-28", EDITION)
    assert [MIDDLE, f"Invented {MIDDLE}"] in answer["below"]
