"""A captured call: only while somebody opened a window, masked, and good enough to be replayed."""

import base64
import json
import random
import stat
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.capturing import Captures, Window, close_window, masked, open_window, opened
from cds_service.cards import build_cards
from cds_service.demo.charts import load_charts
from cds_service.demo.hook_request import hook_request
from cds_service.model import AuthenticatedClient
from cds_service.web.order_sign import request_of

CALLER = AuthenticatedClient("https://ehr.example")


@pytest.fixture
def call(content, clock):
    """The request of a demo chart that gets a card, as an EHR sends it, with a token."""
    chart = next(chart for chart in load_charts(clock()) if chart.id == "lumbar-fusion-moderate")
    sent = hook_request(chart, content.prefetch, "6f6e7e2c-6d0c-4d38-9a2e-2b8a3d1c9f10")
    return sent | {
        "fhirServer": "https://fhir.hospital.example/R4",
        "fhirAuthorization": {"access_token": "ZZTOKENZZ", "token_type": "Bearer", "scope": "user/*.rs"},
    }


def marked(call):
    """The same request with names, numbers and words by which somebody could be known."""
    text = json.dumps(call)
    made = json.loads(text)
    patient = made["prefetch"]["patient"]
    patient["name"] = [{"family": "Zzfamily", "given": ["Zzgiven"], "text": "Zzgiven Zzfamily"}]
    patient["identifier"] = [{"system": "urn:mrn", "value": "ZZ4711"}]
    patient["telecom"] = [{"system": "phone", "value": "ZZ-555"}]
    patient["address"] = [{"line": ["Zzstreet 1"], "city": "Zzcity"}]
    patient["birthDate"] = "1961-07-23"
    patient["text"] = {"status": "generated", "div": "<div>Zzgiven Zzfamily</div>"}
    report = made["prefetch"]["diagnosticReports"]["entry"][0]["resource"]
    report["conclusion"] = "Zzgiven ZZFAMILY: moderate stenosis at L4-L5."
    report["resultsInterpreter"] = [{"reference": "Practitioner/zzreader", "display": "Dr Zzreader"}]
    made["context"]["draftOrders"]["entry"][0]["resource"]["note"] = [{"text": "call Zzgiven"}]
    return made


def test_nothing_that_tells_who_it_is_stays(call):
    """Names, numbers, addresses, notes, ids, the token and report text are gone; the words of the order stay."""
    kept = json.dumps(masked(marked(call), 100))
    assert "zz" not in kept.lower().replace("puzz", "")
    assert "1961-07" not in kept
    for identifier in (call["context"]["patientId"], call["context"]["userId"].partition("/")[2]):
        assert f'"{identifier}"' not in kept
    order = call["context"]["draftOrders"]["entry"][0]["resource"]
    assert order["code"]["coding"][0]["code"] in kept


def test_report_text_is_kept_only_when_asked_for_and_without_the_names(call):
    """With report text, what the Patient resource calls the patient is struck out of it, also where it is encoded."""
    made = marked(call)
    report = made["prefetch"]["diagnosticReports"]["entry"][0]["resource"]
    report["presentedForm"] = [{"data": base64.b64encode(b"Patient Zzfamily. Mild stenosis.").decode()}]
    kept = masked(made, 0, with_report_text=True)["prefetch"]["diagnosticReports"]["entry"][0]["resource"]
    assert kept["conclusion"] == "*** ***: moderate stenosis at L4-L5."
    assert base64.b64decode(kept["presentedForm"][0]["data"]) == b"Patient ***. Mild stenosis."


def test_distances_between_days_stay(call):
    """Every instant moves by the same number of days."""
    made, moved = json.dumps(masked(call, 0)), json.dumps(masked(call, 31))
    assert made != moved
    back = json.dumps(masked(json.loads(moved), -31))
    assert back == made


def test_a_masked_call_is_decided_like_the_real_one(call, content, clock):
    """Replayed at its own moment with report text, a masked call gets a card by the same rules."""
    from cds_service import gather
    from cds_service.service import decide_case

    def rules_of(sent, as_of):
        request = request_of(sent)
        basket = gather.orders(request, content.value_sets)
        cases = gather.cases(request, basket, content=content, now=as_of)
        decisions = tuple(decide_case(case, content) for case in cases)
        cards = build_cards(
            decisions, content.rules.speech, content.words, now=as_of, new_uuid=lambda: "x", user=request.user_id
        )
        return [card.rules for card in cards]

    real = rules_of(call, clock())
    assert real
    assert rules_of(masked(call, 200, with_report_text=True), clock() + timedelta(days=200)) == real


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
NAMES = st.text(max_size=12)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner)))
def test_anything_can_be_masked(value):
    """Whatever JSON a client sends, masking it raises nothing and lets no free string through."""
    kept = masked({"request": value, "note": "zz"}, 1, with_report_text=True)
    json.dumps(kept)
    assert "note" not in kept


def test_without_a_window_nothing_is_kept(call, tmp_path, clock):
    """No window, a window that has passed, and one that is full keep nothing; an open one keeps what comes."""
    request = request_of(call)
    Captures(None, clock).keep(request, CALLER, 1)
    for _ in range(2):
        Captures(tmp_path, clock).keep(request, CALLER, 1)
    assert list(tmp_path.glob("call-*")) == []
    window = Window(clock() + timedelta(minutes=15), 2, "A. Nalyst", "no card on fusions")
    open_window(tmp_path, window, clock())
    assert opened(tmp_path, clock()) == window
    captures = Captures(tmp_path, clock)
    for _ in range(3):
        captures.keep(request, CALLER, 1)
    kept = sorted(tmp_path.glob("call-*"))
    assert len(kept) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    about = json.loads(kept[0].read_text())["captured"]
    assert (about["by"], about["reason"], about["cards"]) == ("A. Nalyst", "no card on fusions", 1)
    assert not close_window(tmp_path, clock() + timedelta(minutes=16))


def test_a_window_is_short(tmp_path, clock):
    """A window of more than four hours, or of none, is refused."""
    for hours in (5, 0, -1):
        with pytest.raises(ValueError, match="at most 4 hours"):
            open_window(tmp_path, Window(clock() + timedelta(hours=hours), 1, "x", "y"), clock())


def test_a_capture_that_fails_costs_nothing(call, tmp_path, clock, caplog):
    """When the file cannot be written the call goes on, and the log says what kind of error it was."""
    open_window(tmp_path, Window(clock() + timedelta(minutes=1), 5, "x", "y"), clock())
    captures = Captures(tmp_path, clock)
    (tmp_path / "window.json").rename(tmp_path / "kept.json")
    random.seed(0)
    captures._window = Window(clock() + timedelta(minutes=1), 5, "x", "y")
    captures._due = float("inf")
    captures._folder = tmp_path / "gone"
    captures.keep(request_of(call), CALLER, 1)
    assert "FileNotFoundError" in caplog.text
