"""What stands below a listed code is recognised, says by which, changes the digest, and is asked for in no call."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import builders
import pytest
from actors import Clock
from click.testing import CliRunner
from parts.terminology import SNOMED, Asked, Terminology, terminology

from cds_service.__main__ import main
from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import load_content
from cds_service.content.of_settings import load_settings_content
from cds_service.gather import orders
from cds_service.gather.facts import condition_of
from cds_service.model import Case, Coding, HookRequest, Patient, Truth
from cds_service.rules.record_criteria import condition
from cds_service.rules.rule import Facts
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.terminology.descendants import Below, Descendants, Key
from cds_service.workbench.explaining import order_lines

MALIGNANT, SECONDARY, LISTED = "363346000", "128462008", "94683009"  # of cancer-conditions; the last is no root
BRAIN = "92030004"  # a root with a region
FUSION, LOW = "900000010", "900000011"  # invented
HEAD = "system,code,display,value_set,group,region,match,needs_cancer\n"


def answers(of: dict[str, list[str]]) -> Callable[[frozenset[Key]], Descendants]:
    """Knows what stands below these codes of SNOMED CT."""
    told = {
        (SNOMED, code): Below(tuple((each, f"Invented {each}") for each in below), date(2026, 11, 28))
        for code, below in of.items()
    }
    return lambda _: Descendants("https://terminology.hospital.example", told)


def sets_with(root: Path, of: dict[str, list[str]], **more: Any) -> ValueSets:
    """The shipped value sets with these answers."""
    return load_value_sets(root / "fhir_profiles" / "valuesets", what_is_below=answers(of), **more)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[2]


def test_a_code_below_is_one_of_its_group(root: Path) -> None:
    """Group, region and need of a cancer are those of the marked code; the member names it, and matched by code."""
    sets = sets_with(root, {MALIGNANT: ["900000001"], BRAIN: ["900000002"]})
    malignant = sets.find("cancer-conditions", (Coding(SNOMED, "900000001"),))
    benign = sets.find("cancer-conditions", (Coding(f"{SNOMED}/900000000000207008", "900000002"),))
    assert malignant is not None
    assert benign is not None
    assert (malignant.group, malignant.ancestor, malignant.matched_by) == ("malignant", MALIGNANT, "code")
    assert (malignant.display, malignant.region) == ("Invented 900000001", None)
    assert (benign.group, benign.region, benign.ancestor) == ("benign-intracranial", "brain", BRAIN)
    assert sets.regions((Coding(SNOMED, "900000002"),)) == ()  # cancer-conditions name no region of imaging
    assert sets.find("cancer-conditions", (Coding(SNOMED, "900000003"),)) is None


def test_the_closer_marked_code_counts_and_a_listed_one_stays(root: Path) -> None:
    """Below two marked codes, the one below the other wins, in either order; what is listed stays as listed."""
    below = {MALIGNANT: [SECONDARY, LISTED, "900000001", "900000002"], SECONDARY: [LISTED, "900000002"]}
    for of in (below, dict(reversed(below.items()))):
        sets = sets_with(root, of)
        found = {
            code: sets.find("cancer-conditions", (Coding(SNOMED, code),))
            for code in (LISTED, SECONDARY, "900000001", "900000002")
        }
        assert {code: (m.group, m.ancestor) for code, m in found.items() if m} == {
            LISTED: ("secondary", ""),
            SECONDARY: ("secondary", ""),
            "900000001": ("malignant", MALIGNANT),
            "900000002": ("secondary", SECONDARY),
        }


def test_only_marked_codes_are_asked_about(root: Path) -> None:
    """The fifteen of SNOMED CT; none without its licence; nobody is asked then."""
    asked: list[frozenset[Key]] = []

    def ask(keys: frozenset[Key]) -> None:
        asked.append(keys)

    folder = root / "fhir_profiles" / "valuesets"
    plain = load_value_sets(folder, what_is_below=ask)
    (keys,) = asked
    assert len(keys) == 15
    assert (SNOMED, MALIGNANT) in keys
    assert (SNOMED, LISTED) not in keys
    assert plain.descendants is None
    load_value_sets(folder, snomed=False, what_is_below=ask)
    assert len(asked) == 1


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A site's code map that marks one code of an operation."""
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "ours.csv").write_text(HEAD + f"{SNOMED},{FUSION},Invented fusion,spine-surgery,fusion,spine,subsumes,\n")
    return folder


def test_a_site_marks_codes_of_its_own(root: Path, local: Path) -> None:
    """`subsumes` in the code map: what stands below is an operation of that group, and counts as the site's."""
    sets = sets_with(root, {FUSION: [LOW]}, local=local)
    for code, ancestor in ((FUSION, ""), (LOW, FUSION)):
        member = sets.find("spine-surgery", (Coding(SNOMED, code),))
        assert member is not None
        assert (member.group, member.region, member.matched_by, member.ancestor) == (
            "fusion", "spine", "local-map", ancestor,
        )  # fmt: skip


def test_the_digest_covers_what_was_added(local: Path) -> None:
    """Without answers, with empty ones and with some: the digest of the content changes with the codes alone."""
    plain = load_content(local_codes=local)
    one = load_content(local_codes=local, what_is_below=answers({FUSION: [LOW]}))
    same = load_content(local_codes=local, what_is_below=answers({FUSION: [LOW], "900000077": ["1"]}))
    more = load_content(local_codes=local, what_is_below=answers({FUSION: [LOW, "900000012"]}))
    assert one.digest == same.digest
    assert len({plain.digest, one.digest, more.digest}) == 3
    assert load_content(local_codes=local, what_is_below=lambda _: None).digest == plain.digest


@pytest.fixture
def snomed() -> Iterator[Terminology]:
    """A server that knows one operation below the site's."""
    with terminology(parents={FUSION: (), LOW: (FUSION,)}) as server:
        yield server


@pytest.fixture
def asking(settings: Settings, snomed: Terminology, local: Path, tmp_path: Path) -> Settings:
    """A service that has that server and that code map."""
    cache = tmp_path / "below.json"
    return replace(settings, terminology_server=snomed.base, terminology_cache=cache, local_codes_dir=(local,))


def order(code: str) -> dict[str, Any]:
    """A fusion under this code, without a word that could give it away."""
    made = builders.fusion()
    made["code"] = {"coding": [{"system": SNOMED, "code": code}], "text": "Planned procedure"}
    return made


def test_signing_asks_nobody(asking: Settings, snomed: Terminology, clock: Clock) -> None:
    """The service asks at its start, and during calls no request reaches the server, whatever codes are signed."""
    app = create_app(asking, clock=clock)
    asked = list(snomed.asked)
    assert {each.code for each in asked} >= {FUSION, MALIGNANT}
    client = app.test_client()
    prefetch = builders.prefetch(builders.mri(), builders.report())
    cards = {}
    for code in (LOW, "900000099", FUSION, "50172003"):
        answer = client.post("/cds-services/second-read", json=builders.hook(order(code), prefetch=prefetch))
        cards[code] = len(answer.json["cards"])
    assert cards == {LOW: 1, "900000099": 0, FUSION: 1, "50172003": 1}
    assert snomed.asked == asked
    close_app(app)


def test_without_the_server_the_code_below_is_not_recognised(settings: Settings, clock: Clock) -> None:
    """The test above can fail: the same order is met with silence where nothing is known of it."""
    app = create_app(settings, clock=clock)
    prefetch = builders.prefetch(builders.mri(), builders.report())
    answer = app.test_client().post("/cds-services/second-read", json=builders.hook(order(LOW), prefetch=prefetch))
    assert answer.json == {"cards": []}
    close_app(app)


def test_the_start_uses_what_was_kept_when_the_server_talks_nonsense(
    asking: Settings, snomed: Terminology, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that was well once and is not now: same content, same digest."""
    first = load_settings_content(asking)
    snomed.reply = lambda _asked, _honest: (500, b"")
    (asking.local_codes_dir[0] / "more.csv").write_text(
        HEAD + f"{SNOMED},900000020,Invented,spine-surgery,fusion,spine,subsumes,\n"
    )
    second = load_settings_content(asking)
    for content in (first, second):
        assert content.value_sets.find("spine-surgery", (Coding(SNOMED, LOW),)) is not None
    assert second.value_sets.find("spine-surgery", (Coding(SNOMED, "900000020"),)) is not None


def test_the_explanation_names_the_code_above(root: Path, local: Path) -> None:
    """Of an order and of a condition: by which listed code it was recognised."""
    sets = sets_with(root, {FUSION: [LOW], MALIGNANT: ["900000001"]}, local=local)
    entry = {"resource": order(LOW)}
    basket = orders(HookRequest("h", "Practitioner/a", builders.PATIENT, None, (entry,), {}, None), sets)
    (found,) = basket.orders
    assert f"recognised by local-map: {LOW} (SNOMED CT), below {FUSION}, in spine-surgery/fusion" in order_lines(found)
    asked = condition({"in": frozenset({("cancer-conditions", "malignant")})})
    for code, because in (("900000001", f"an active condition, below {MALIGNANT}"), (MALIGNANT, "an active condition")):
        resource = {"resourceType": "Condition", "id": "c", "code": {"coding": [{"system": SNOMED, "code": code}]}}
        case = Case(found, builders.NOW, Patient("p"), conditions=(condition_of("Condition/c", resource, sets),))
        assert asked(Facts(case, None, frozenset()))[:2] == (Truth.TRUE, because)  # type: ignore[arg-type]


def test_the_command_asks_and_tells(
    asking: Settings, snomed: Terminology, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`codes expand`: 0 and a table when all is answered, 3 with a warning when not, 1 without a server."""
    monkeypatch.setenv("SECOND_READ_AUTH", "off")
    monkeypatch.setenv("SECOND_READ_LOCAL_CODES_DIR", str(asking.local_codes_dir[0]))
    assert runner.invoke(main, ["codes", "expand"]).exit_code == 1
    monkeypatch.setenv("SECOND_READ_TERMINOLOGY_SERVER", snomed.base)
    monkeypatch.setenv("SECOND_READ_TERMINOLOGY_CACHE", str(asking.terminology_cache))
    some = runner.invoke(main, ["codes", "expand"])
    assert some.exit_code == 3
    assert "the code itself is missing" in some.stderr  # the shipped codes, which this server does not know
    assert "spine-surgery: 1 codes more than are listed" in some.stdout

    def all_known(asked: Asked, honest: dict[str, Any]) -> dict[str, Any]:
        if asked.code != FUSION:
            honest["expansion"] |= {"total": 1, "contains": [{"system": SNOMED, "code": asked.code}]}
        return honest

    snomed.reply = all_known
    told = runner.invoke(main, ["codes", "expand", "--json"])
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert (answer["asked"], answer["added"], answer["warnings"]) == (16, {"spine-surgery": 1}, [])
    snomed.reply = lambda _asked, _honest: (503, b"")
    kept = json.loads(runner.invoke(main, ["codes", "expand", "--json"]).stdout)
    assert kept["added"] == {"spine-surgery": 1}
    assert kept["warnings"] == [
        "HTTP 503: 16 of 16 marked codes not answered; they match 16 by earlier answers, 0 exactly"
    ]
