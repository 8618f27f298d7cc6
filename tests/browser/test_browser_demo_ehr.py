"""The demo EHR in a real Chromium: sign, see the card, accept or override it, see silence explained."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

SPEAKS = "lumbar-fusion-moderate"
SILENT = "lumbar-neuroradiologist-read"
Open = Callable[..., Any]  # a chart opened in a window of its own: see conftest.py
at_each_width = pytest.mark.parametrize("width", [1280, 400])


def sign(page: Page) -> None:
    """Press the sign button and wait for what comes back."""
    page.locator("#sign").click()
    page.locator("#advice .card").first.wait_for()


def raw(page: Page, title: str) -> dict:  # type: ignore[type-arg]
    """Open one raw view and read its JSON."""
    view = page.locator("details.raw", has=page.locator("summary", has_text=title)).first
    view.locator("summary").click()
    read: dict = json.loads(view.locator("pre").inner_text())  # type: ignore[type-arg]
    return read


@at_each_width
def test_signing_shows_the_card_as_an_ehr_would(open_chart: Open, width: int) -> None:
    """A warning shows its indicator in words, its summary, its bullets, the exact button and the override reasons."""
    page = open_chart(SPEAKS, width).page
    sign(page)
    card = page.locator("article.card")
    answer = raw(page, "Raw response")["cards"][0]
    expect(card.locator(".indicator")).to_contain_text("Warning")
    expect(card.get_by_role("heading")).to_have_text(answer["summary"])
    assert card.locator(".card-detail li").count() == answer["detail"].count("* **")
    expect(card.locator(".card-detail")).not_to_contain_text("**")
    label = answer["suggestions"][0]["label"]
    expect(card.get_by_role("button", name=label, exact=True)).to_be_visible()
    expect(card.locator(".source")).to_contain_text(answer["source"]["label"])
    assert card.locator("input[type=radio]").count() == len(answer["overrideReasons"])


@at_each_width
def test_no_page_scrolls_sideways(open_chart: Open, width: int) -> None:
    """At a desk's and at a telephone's width nothing is wider than the window, before and after signing."""
    page = open_chart(SPEAKS, width).page
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    sign(page)
    page.get_by_text("Continue without it…").click()
    raw(page, "Raw request")
    assert page.evaluate(wide) <= width


def test_accepting_shows_the_draft_order_and_the_feedback(open_chart: Open) -> None:
    """One click gives the draft second-read order, readable and as FHIR, and sends feedback that the service keeps."""
    page = open_chart(SPEAKS).page
    sign(page)
    suggestion = raw(page, "Raw response")["cards"][0]["suggestions"][0]
    page.get_by_role("button", name=suggestion["label"], exact=True).click()
    settled = page.locator(".settled")
    expect(settled).to_contain_text("Accepted")
    expect(settled.locator("dl")).to_contain_text("Neuroradiology")
    expect(settled.locator("dl")).to_contain_text("Subspecialty second read")
    expect(settled).to_contain_text("The service has it on record")
    order = raw(page, "The order as FHIR")
    assert (order["resourceType"], order["status"]) == ("ServiceRequest", "draft")
    told = raw(page, "Feedback sent")["feedback"][0]
    assert told["outcome"] == "accepted"
    assert told["acceptedSuggestions"] == [{"id": suggestion["uuid"]}]
    expect(page.locator(".orders .tag")).to_have_text(["signed", "new"])


def test_signing_the_accepted_order_too_stays_quiet(open_chart: Open) -> None:
    """With the accepted second read in the basket the service has nothing more to say, and says why."""
    page = open_chart("lung-nodule-lobectomy").page
    sign(page)
    page.locator("article.card .actions .primary").click()
    page.locator(".settled").wait_for()
    page.get_by_role("button", name="Sign again").click()
    silence = page.locator(".silence")
    expect(silence).to_contain_text("Nothing was shown")
    expect(silence).to_contain_text("x3-second-read-ordered")


def test_overriding_sends_the_reason(open_chart: Open) -> None:
    """An override reason and a comment reach the service as feedback, and the order is signed."""
    page = open_chart("pancreas-hedged-liver-lesions").page
    sign(page)
    offered = raw(page, "Raw response")["cards"][0]["overrideReasons"]
    page.get_by_text("Continue without it…").click()
    page.get_by_label(offered[1]["display"]).check()
    page.get_by_label("Comment, if you like").fill("Discussed this morning.")
    page.get_by_role("button", name="Continue without it").click()
    expect(page.locator(".settled")).to_contain_text(offered[1]["display"])
    expect(page.locator(".settled")).to_contain_text("The service has it on record")
    told = raw(page, "Feedback sent")["feedback"][0]
    assert told["outcome"] == "overridden"
    assert told["overrideReason"]["reason"] == {"code": offered[1]["code"], "system": offered[1]["system"]}
    assert told["overrideReason"]["userComment"] == "Discussed this morning."


@at_each_width
def test_silence_is_said_and_explained(open_chart: Open, width: int) -> None:
    """Where nothing was shown the page says so, and as a demo extra why."""
    page = open_chart(SILENT, width).page
    sign(page)
    silence = page.locator(".silence")
    expect(silence).to_contain_text("Nothing was shown")
    expect(silence).to_contain_text("x4-right-subspecialist")
    expect(page.locator("article.card")).to_have_count(0)


def test_an_irrelevant_order_says_that_nothing_was_read(open_chart: Open) -> None:
    """A call that ended at triage is explained as such."""
    page = open_chart("cholecystectomy-gallstones").page
    sign(page)
    expect(page.locator(".silence")).to_contain_text("before any report was read")


def test_raw_request_is_one_click_away(open_chart: Open) -> None:
    """The raw request is the order-sign call that was sent, prefetch included."""
    page = open_chart(SPEAKS).page
    sign(page)
    request = raw(page, "Raw request")
    assert request["hook"] == "order-sign"
    assert request["context"]["draftOrders"]["entry"][0]["resource"]["id"] == "o-fusion"
    assert "diagnosticReports" in request["prefetch"]


def test_the_keyboard_is_enough(open_chart: Open) -> None:
    """Without a mouse: sign with Enter, land on the card, reach its button next, accept it."""
    page = open_chart("tongue-base-radiotherapy-node").page
    page.locator("#sign").focus()
    page.keyboard.press("Enter")
    page.locator("article.card").wait_for()
    expect(page.locator("article.card")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("article.card .actions .primary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".settled")).to_be_focused()


def test_choosing_a_patient_opens_the_chart(open_chart: Open) -> None:
    """The list is searched by name or order, and a click opens the chart with its report."""
    page = open_chart(SPEAKS).page
    page.get_by_label("Find a patient or an order").fill("whipple")
    expect(page.get_by_text("No patient or order matches.")).to_be_hidden()
    page.locator("#patient-list button").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lucia Pretendez")
    expect(page.locator("pre.report").first).to_contain_text("PANCREAS PROTOCOL")


def test_one_order_of_a_basket_can_be_signed_alone(open_chart: Open) -> None:
    """An order that is not ticked is not in the request."""
    page = open_chart("colon-folfox-first-cycle").page
    page.get_by_label("Leucovorin", exact=False).uncheck()
    sign(page)
    entries = raw(page, "Raw request")["context"]["draftOrders"]["entry"]
    assert [entry["resource"]["id"] for entry in entries] == ["o-oxaliplatin", "o-fluorouracil"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(open_chart: Open, scheme: str) -> None:
    """Every text of the page has a contrast of at least 4.5 to 1 against what lies behind it (WCAG 2.2, 1.4.3)."""
    page = open_chart(SPEAKS, 1280, scheme).page
    sign(page)
    assert page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const part = (value) => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.matches("noscript, .skip, .visually-hidden")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.trim().slice(0, 40)}`);
  }
  return weak;
}"""


@at_each_width
def test_the_card_in_five_ehrs(open_chart: Open, width: int) -> None:
    """One click leads to how each EHR shows the card; nothing is wider than the window; what is lost is told."""
    page = open_chart(SPEAKS, width).page
    sign(page)
    page.get_by_role("link", name="How other EHRs show this card").click()
    page.locator("section.client").nth(4).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("section.client.oracle .actions button").count() == 0
    expect(page.locator("section.client.oracle .card-detail")).to_contain_text("To order")
    expect(page.locator("section.client.epic .lost")).to_contain_text("study")
    expect(page.locator("section.client.reference")).to_contain_text("Nothing is lost here")
