"""The install kit: the files from which an EHR's analysts connect the service, made from what is installed. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import orjson

from cds_service.cards import Client
from cds_service.content import Content

HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
DIALECTS = {  # what an analyst of that EHR must know; of each what public documentation says
    "epic": """
Discovery is not read: type the prefetch table into the web service's record, key by key.
The address must match the registered one to the letter; a call to any other arrives without data.
draftOrders come only with the scopes for unsigned orders.
An order is created from a preference-list key alone. Build one orderable a subspecialty; its key goes into site.yaml.
Links that are not on your list vanish, so the card relies on none.
Map each override reason to an acknowledgement reason of yours; feedback arrives at the same address plus /feedback.
""",
    "oracle": """
The service is registered by Oracle, per domain and per role.
Cards are an eighth of the screen wide; suggestions are not documented, so the card says in words which order to place.
There is no ImagingStudy: the reports tell of the studies, and their text comes as Binary.
""",
    "athena": """
Order types that a suggestion may create are agreed with athenahealth; test this first.
""",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service is reached, and as whom the EHR calls."""

    base_url: str  # without trailing slash
    client: str
    issuer: str  # `iss` of its tokens
    fhir_server: str


def kit_files(place: Place, content: Content) -> dict[str, str]:
    """File name -> content. Raises `KeyError` for a client profile that there is none of."""
    client = content.words.clients[place.client]
    service = next(each for each in content.services if each["hook"] == "order-sign")
    return {
        "README.md": _readme(place, client, service),
        "prefetch.csv": _csv(("key", "query"), sorted(service["prefetch"].items())),
        "scopes.txt": "\n".join(_scopes(service)) + "\n",
        "claims.md": _claims(place, service),
        "clients.toml": _clients_file(place),
        "override-reasons.csv": _csv(
            ("code", "shown to the user", f"code in {HL7}", "what the service then does", "your reason"),
            ((each.code, each.display, each.hl7, each.effect, "") for each in content.words.override_reasons.values()),
        ),
        "order-keys.csv": _csv(("subspecialty", "name of the order", "key"), _order_keys(place, content)),
        "links.txt": "\n".join(_links(place, content)) + "\n",
        "order-sign.json": orjson.dumps(_sample(), option=orjson.OPT_INDENT_2).decode() + "\n",
        "try.sh": _script(place, service),
    }


def _readme(place: Place, client: Client, service: Mapping[str, Any]) -> str:
    notes = DIALECTS.get(place.client, "").strip().splitlines()
    lost = []
    if not client.suggestions:
        lost.append("No suggestion is sent: the card says which order to place.")
    if not client.override_reasons:
        lost.append("No override reasons are sent.")
    if client.order_code == "site-key":
        lost.append("The suggested order carries your key alone; the card's text names the study to read again.")
    address = f"{place.base_url}/cds-services/{service['id']}"
    lines = [
        f"# Connecting {place.client} to Second Read",
        "",
        f"1. Register the service `{service['id']}` for the hook `{service['hook']}` at `{address}`.",
        f"   Feedback goes to `{address}/feedback`; discovery is `{place.base_url}/cds-services`.",
        "2. Paste the prefetch table: `prefetch.csv`.",
        "3. Allow the scopes: `scopes.txt`. Read and search only; the service writes nothing.",
        "4. Sign the calls: `claims.md`. Hand over the public keys; they go into `clients.toml`.",
        "5. Map the override reasons: `override-reasons.csv`, last column.",
        "6. Build the orders and note their keys: `order-keys.csv`; they go into `site.yaml`.",
        "7. Put the addresses of `links.txt` on the list of allowed links.",
        "8. Try it: `TOKEN=… sh try.sh`. It asks for discovery and signs one made-up order.",
        "9. If a card is missing, or one comes that should not: `second-read doctor` on a captured call.",
    ]
    if notes:
        lines += ["", f"## Of {place.client}", "", *(f"- {note}" for note in notes)]
    if lost:
        lines += ["", "## What a card is for this client", "", *(f"- {each}" for each in lost)]
    return "\n".join(lines) + "\n"


def _scopes(service: Mapping[str, Any]) -> Sequence[str]:
    """SMART v2 scopes for what the prefetch asks, and what a report may lead to."""
    asked = {query.partition("?")[0].partition("/")[0] for query in service["prefetch"].values()}
    return [f"user/{kind}.rs" for kind in sorted(asked | {"Binary", "Practitioner", "PractitionerRole", "Observation"})]


def _claims(place: Place, service: Mapping[str, Any]) -> str:
    path = f"{place.base_url}/cds-services"
    return dedent(
        f"""\
        # The token of each call

        `Authorization: Bearer <JWT>`, signed anew for each call (CDS Hooks 2.0, Trusting CDS Clients).

        | part | value |
        | --- | --- |
        | header `alg` | `ES384` or `RS384` |
        | header `typ` | `JWT` |
        | header `kid` | id of the key, as in the key set handed over |
        | `iss` | `{place.issuer}` |
        | `aud` | the address called, exactly: `{path}/{service["id"]}`, `{path}/{service["id"]}/feedback` or `{path}` |
        | `iat` | now, in seconds |
        | `exp` | at most five minutes later |
        | `jti` | a new random value each time: a token opens one call |
        | `tenant` | only where several organizations share one `iss` |
        """
    )


def _clients_file(place: Place) -> str:
    return dedent(
        f"""\
        # An entry of SECOND_READ_CLIENTS_FILE. Give the keys in a file beside it, or where the EHR publishes them.
        [[clients]]
        iss = "{place.issuer}"
        profile = "{place.client}"
        jwks_file = "{place.client}-keys.json"
        # jku = "https://…"
        fhir_servers = ["{place.fhir_server}"]
        """
    )


def _order_keys(place: Place, content: Content) -> list[tuple[str, str, str]]:
    known = content.site.order_keys.get(place.client, {})
    offered = [each for each in sorted(content.routing.ids) if content.site.offer(each) is not None]
    return [(each, f"Second read: {content.routing.subspecialty(each).label}", known.get(each, "")) for each in offered]


def _links(place: Place, content: Content) -> list[str]:
    own = [f"{place.base_url}/rules/"]
    return own + [each.partition("{")[0] for each in (content.site.url, content.site.report_link) if each]


def _sample() -> dict[str, Any]:
    """A made-up patient's knee arthroscopy: it must be answered without a card."""
    order = {
        "resourceType": "ServiceRequest", "id": "made-up-1", "status": "draft", "intent": "order",
        "subject": {"reference": "Patient/made-up"}, "code": {"text": "Arthroscopy of the knee"},
    }  # fmt: skip
    return {
        "hook": "order-sign", "hookInstance": "6f6e7e2c-6d0c-4d38-9a2e-2b8a3d1c9f10",
        "context": {"userId": "Practitioner/made-up", "patientId": "made-up",
                    "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "made-up"}},
    }  # fmt: skip


def _script(place: Place, service: Mapping[str, Any]) -> str:
    return dedent(
        f"""\
        #!/bin/sh
        # Ask for discovery, then sign one made-up order. TOKEN: a JWT for the second address (see claims.md).
        set -eu
        cd "$(dirname "$0")"
        base='{place.base_url}/cds-services'
        echo "discovery:"
        curl --silent --show-error --max-time 10 "$base" | head -c 400; echo
        echo "order-sign (expected: an answer 200 with {{\\"cards\\":[]}}):"
        curl --silent --show-error --max-time 10 --write-out '\\nHTTP %{{http_code}} in %{{time_total}} s\\n' \\
          --header 'Content-Type: application/json' --header "Authorization: Bearer ${{TOKEN:-}}" \\
          --data @order-sign.json "$base/{service["id"]}"
        """
    )


def _csv(header: Sequence[str], rows: Any) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
