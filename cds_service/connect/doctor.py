"""What a doctor finds: the configuration, part by part, and one recorded call from envelope to card."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from cds_service import gather
from cds_service.app import open_settings_ledger
from cds_service.auth import load_trust
from cds_service.auth.clients_file import TrustedIssuer
from cds_service.cards import build_cards, profile_of
from cds_service.config import Settings, check_settings
from cds_service.content import Content
from cds_service.content.of_settings import load_settings_content
from cds_service.errors import BadRequest, ContentError, LedgerUnavailable, SettingsError
from cds_service.model import AuthenticatedClient, Decision, HookRequest, Outcome
from cds_service.service import decide_case
from cds_service.web.order_sign import request_of
from cds_service.workbench.explaining import order_lines, report_line, study_line

Level = Literal["fine", "note", "problem"]
NO_UUID = str(UUID(int=0))
REVIEW_DAYS = 60
GAP_WORDS = {  # why -> what it means for whoever connects the EHR
    "prefetch-omitted": "the client did not send this key; add its template, or allow reading",
    "prefetch-null": "the client sent null: its own search failed or was not allowed",
    "prefetch-failed": "the client sent an OperationOutcome: its own search failed",
    "unreadable": "what was sent is no FHIR resource",
    "no-fhir-server": "the call names no FHIR server, so nothing could be read instead",
    "server-not-allowed": "the FHIR server of the call is not listed in SECOND_READ_FHIR_SERVERS",
    "fhir-refused": "the FHIR server refused: check the scopes of the token",
    "fhir-timeout": "the FHIR server took longer than the deadline",
    "page-missing": "the page sent does not hold the study, and the next could not be read",
    "wrong-patient": "a resource of another patient was sent and left out",
    "attachment-unsupported": "the report is of a type that cannot be read",
    "attachment-unreadable": "the report could not be decoded",
    "language-unsupported": "the report is not in English",
    "no-narrative": "the report holds no findings in words",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at: how it is, and what to do where it is not fine."""

    level: Level
    about: str
    says: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call to be replayed, at the moment when it was made."""

    call: Any
    as_of: datetime
    client: str | None  # the profile it was captured for


def configuration(settings: Settings, now: datetime) -> tuple[list[Found], Content | None]:
    """Every part that the service needs to start and to speak; the content, where it loads."""
    found = list(_start(settings))
    content = None
    try:
        content = load_settings_content(settings)
    except ContentError as error:
        found += [Found("problem", "content", str(each), "second-read rules validate") for each in error.problems[:20]]
    except SettingsError as error:
        found.append(Found("problem", "content", str(error)))
    if content:
        found += _rules(settings, content, now)
        found += _site(settings, content)
    try:
        open_settings_ledger(settings).close()
        found.append(Found("fine", "ledger", "opens, and takes its key"))
    except (SettingsError, LedgerUnavailable) as error:
        found.append(Found("problem", "ledger", str(error), "check SECOND_READ_DATABASE_URL and the ledger key"))
    return found, content


def _start(settings: Settings) -> Iterator[Found]:
    try:
        check_settings(settings)
        trust = load_trust(settings)
    except SettingsError as error:
        yield Found("problem", "settings", str(error))
        return
    if settings.auth == "off":
        yield Found("note", "authentication", "off: the service listens on loopback only", "set SECOND_READ_AUTH=jwt")
    else:
        yield Found("fine", "authentication", f"{settings.auth}, {len(trust.issuers)} callers are let in")
    if not settings.public_urls:
        yield Found("note", "rule pages", "cards carry no link to the page of their rule",
                    "set SECOND_READ_PUBLIC_URLS, or url in site.yaml")  # fmt: skip
    if settings.fhir_servers or any(issuer.servers for issuer in trust.issuers.values()):
        yield Found("fine", "FHIR servers", ", ".join(settings.fhir_servers) or "as the clients file lists them")
    else:
        yield Found("note", "FHIR servers", "none may be read: what is not prefetched stays unknown",
                    "list the base in SECOND_READ_FHIR_SERVERS, or send every prefetch key")  # fmt: skip


def _rules(settings: Settings, content: Content, now: datetime) -> Iterator[Found]:
    active = [rule for rule in content.rules.rules if rule.status == "active"]
    if settings.rules_mode == "silent":
        yield Found("note", "rules", "all silent: decided and recorded, and no card is shown",
                    "SECOND_READ_RULES_MODE=as-files, once the committee has approved them")  # fmt: skip
    else:
        yield Found("fine" if active else "note", "rules", f"{len(active)} active of {len(content.rules.rules)}")
    for rule in active:
        left = (rule.review_by - now.date()).days
        if left < 0:
            yield Found("problem", f"rule {rule.id}", "its review is overdue, so it is silent", "review it")
        elif left < REVIEW_DAYS:
            yield Found("note", f"rule {rule.id}", f"its review is due in {left} days")


def _site(settings: Settings, content: Content) -> Iterator[Found]:
    """The facts of site.yaml that a card or a suggestion depends on."""
    site = content.site
    offered = [each for each in sorted(content.routing.ids) if site.offer(each)]
    yield Found("fine" if offered else "problem", "site.yaml", f"{len(offered)} second reads are offered",
                "" if offered else "without an offer no card is ever shown: list them under second_reads")  # fmt: skip
    if not site.roster:
        unknown = "no reader is on the roster: where the EHR does not send who read the study, every card says so"
        yield Found("note", "site.yaml", unknown, "list the subspecialists under roster")
    used = {issuer.client.profile for issuer in _issuers(settings)}
    for name in sorted(filter(None, used)):
        profile = content.words.clients.get(name)
        if profile is None:
            yield Found("problem", "clients file", f"profile '{name}' has no file in cards/clients")
        elif profile.order_code == "site-key":
            missing = [each for each in offered if each not in site.order_keys.get(name, {})]
            if missing:
                yield Found("problem", "site.yaml", f"{name} orders by key, and none stands for {', '.join(missing)}",
                            "build the orders and list their keys under order_keys")  # fmt: skip


def _issuers(settings: Settings) -> tuple[TrustedIssuer, ...]:
    """The callers that are let in; none where that is not settled, which `_start` has told."""
    try:
        return tuple(load_trust(settings).issuers.values()) if settings.auth != "off" else ()
    except SettingsError:
        return ()


def recorded(raw: bytes, now: datetime) -> Recorded:
    """A captured call, or a request as an EHR sent it; raises `BadRequest`."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(()) from error
    if isinstance(found, dict) and isinstance(found.get("captured"), dict):
        about = found["captured"]
        return Recorded(found.get("request"), datetime.fromisoformat(about["at"]), about.get("client"))
    return Recorded(found, now, None)


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of one call: what was found on the way, and the cards."""

    found: tuple[Found, ...]
    cards: tuple[dict[str, Any], ...]


def replay(call: Recorded, content: Content, profile: str | None) -> Replay:
    """Decide the call as the service would, without reading anything, and word it for that client profile.

    Without one the profile is told by the marks of the request itself.
    """
    try:
        request = request_of(call.call)
    except BadRequest as error:
        return Replay(
            tuple(Found("problem", each.path, f"{each.expected} is expected") for each in error.issues)
            or (Found("problem", "request", "a JSON document is expected"),), ()
        )  # fmt: skip
    found = list(_envelope(request, content))
    basket = gather.orders(request, content.value_sets)
    for order in basket.orders:
        level: Level = "fine" if order in basket.relevant else "note"
        for line in order_lines(order):
            found.append(Found(level, "order", line))
    if not basket.relevant:
        found.append(
            Found("note", "triage", "no order is recognised as surgery or cancer treatment: the answer is silence",
                  "if one is, add its code to the local code map (second-read codes validate)")
        )  # fmt: skip
        return Replay(tuple(found), ())
    cases = gather.cases(request, basket, content=content, now=call.as_of)
    decisions = tuple(decide_case(case, content) for case in cases)
    for decision in decisions:
        found += _decided(decision)
    client = profile_of(content.words.clients, AuthenticatedClient("", profile=profile or ""), request)
    cards = build_cards(
        decisions, content.rules.speech, content.words, client=client, user=request.user_id, now=call.as_of,
        new_uuid=_no_uuid(),
    )  # fmt: skip
    return Replay(tuple(found), tuple(card.wire for card in cards))


def _no_uuid() -> Callable[[], str]:
    return lambda: NO_UUID


def _envelope(request: HookRequest, content: Content) -> Iterator[Found]:
    for key in content.prefetch:
        if key not in request.prefetch:
            yield Found("note", f"prefetch {key}", "is not sent", GAP_WORDS["prefetch-omitted"])
        elif request.prefetch[key] is None:
            yield Found("note", f"prefetch {key}", "is null", GAP_WORDS["prefetch-null"])
        else:
            yield Found("fine", f"prefetch {key}", _counted(request.prefetch[key]))
    for key in request.prefetch.keys() - content.prefetch.keys():
        yield Found("note", f"prefetch {key}", "is sent and not asked for")
    if not request.draft_orders:
        yield Found("problem", "draftOrders", "is empty", "the scopes for unsigned orders may be missing")


def _counted(value: Any) -> str:
    if not isinstance(value, dict):
        return "is no FHIR resource"
    if value.get("resourceType") != "Bundle":
        return f"one {value.get('resourceType', 'resource of unknown type')}"
    entries = value.get("entry") or []
    more = ", and there is a next page" if any(
        isinstance(link, dict) and link.get("relation") == "next" for link in value.get("link") or []
    ) else ""  # fmt: skip
    return f"{len(entries)} entries{more}"


def _decided(decision: Decision) -> Iterator[Found]:
    case = decision.case
    yield Found("fine" if case.study else "note", "study", study_line(case.study, case))
    yield Found("fine" if case.report else "note", "report", report_line(case.report, case))
    for gap in dict.fromkeys(case.gaps):
        yield Found("note", f"unknown: {gap.what}", gap.why, GAP_WORDS.get(gap.why, ""))
    yield from _verdicts(decision)


def _verdicts(decision: Decision) -> Iterator[Found]:
    for verdict in decision.verdicts:
        check = verdict.check(verdict.because)
        why = check.says if check else verdict.because
        speaks = verdict.outcome is Outcome.INDICATED
        if speaks:
            silent = ", but it is silent: nothing is shown" if verdict.status == "silent" else ""
            yield Found("fine", verdict.rule, f"speaks ({verdict.indicator}){silent}")
        elif verdict.outcome is Outcome.ERROR:
            yield Found("problem", verdict.rule, f"failed: {verdict.because}")
        else:
            level: Level = "note" if verdict.outcome is Outcome.UNDETERMINED else "fine"
            yield Found(level, verdict.rule, f"{verdict.outcome.value}: {why}",
                        f"second-read rules explain FILE --why-not {verdict.rule}")  # fmt: skip
