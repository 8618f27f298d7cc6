"""sekmet-fhir as it would answer if it were Epic, Oracle Health or Firely: one server, one door for each.

Each door is an ASGI middleware before the real server that takes away or changes what the EHR of its name does not do;
`python -m parts.dialects FOLDER PORT …` runs all of them in one process, `dialects` starts that for a test.

What each EHR does is taken from its public documentation and from readers of it: Epic's CDS Hooks tutorial and sandbox,
Oracle Health's Millennium R4 pages.
"""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import requests

from parts.processes import child, free_port, wait_until
from parts.sekmet import Ehr, config_of

DOORS = ("plain", "epic", "oracle", "firely")
Resource = dict[str, Any]


@dataclass
class Asked:
    """One request as the door sees it; `query` may be changed before the real server gets it."""

    method: str
    kind: str  # resource type
    id: str
    query: list[tuple[str, str]]
    accept: str

    def has(self, name: str) -> bool:
        """Whether a search parameter was sent."""
        return any(key == name for key, _ in self.query)

    def keep(self, *names: str) -> None:
        """Ignore every other parameter, silently."""
        self.query = [(key, value) for key, value in self.query if key in names]


@dataclass
class Reply:
    """What goes back: JSON, or content of a type of its own."""

    status: int
    body: Any
    kind: str = "application/fhir+json"


def outcome(code: str, words: str) -> Resource:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "diagnostics": words}]}


def entries(body: Any) -> list[Resource]:
    """The resources of a Bundle, or the resource itself."""
    found = body.get("entry", []) if body.get("resourceType") == "Bundle" else [{"resource": body}]
    return [entry["resource"] for entry in found if "resource" in entry]


class Plain:
    """The real server, unchanged."""

    def before(self, asked: Asked) -> Reply | None:
        """An answer that the real server is not asked for."""
        return None

    def after(self, asked: Asked, reply: Reply, base: str) -> Reply:
        """What becomes of its answer."""
        return reply


class Epic(Plain):
    """Ignores what it does not know; reports hold no words, their results do; an outcome among the entries."""

    def before(self, asked: Asked) -> Reply | None:
        if not asked.id:
            asked.keep("patient", "_id", "practitioner", "code")
        return None

    def after(self, asked: Asked, reply: Reply, base: str) -> Reply:
        if reply.status != 200:
            return reply
        if asked.kind == "Binary":
            return native(asked, reply)
        for report in entries(reply.body):
            if report["resourceType"] == "DiagnosticReport":
                for gone in ("conclusion", "presentedForm"):
                    report.pop(gone, None)
        if reply.body.get("resourceType") == "Bundle":
            warned = {"resource": outcome("informational", "one parameter was ignored"), "search": {"mode": "outcome"}}
            reply.body.setdefault("entry", []).append(warned)
        return reply


class Oracle(Plain):
    """No ImagingStudy; pages of ten; strict parameters; words only behind Binary addresses of odd types."""

    allowed: ClassVar = {
        "DiagnosticReport": {"_id", "patient", "category", "code", "date", "encounter", "_count", "_lastUpdated"},
        "ServiceRequest": {"_id", "patient", "subject", "code", "_lastUpdated", "_count"},
    }

    def before(self, asked: Asked) -> Reply | None:
        if asked.kind == "ImagingStudy":
            return Reply(404, outcome("not-supported", "no such resource"))
        known = self.allowed.get(asked.kind)
        if known and not asked.id and (wrong := {key for key, _ in asked.query} - known - {"_offset", "_page"}):
            return Reply(400, outcome("invalid", f"unknown parameter {sorted(wrong)}"))
        dates = [value for key, value in asked.query if key == "date"]
        if len(dates) > 1 and not all("T" in value for value in dates):
            return Reply(400, outcome("invalid", "two dates must carry time"))
        if asked.kind == "Binary" and asked.accept not in ("application/fhir+json", "text/html", "application/pdf"):
            return Reply(406, outcome("not-supported", "Accept"))
        if not asked.id and not asked.has("_offset"):
            count = min(int(dict(asked.query).get("_count", "10")), 10 if asked.kind == "DiagnosticReport" else 100)
            asked.query = [pair for pair in asked.query if pair[0] != "_count"] + [("_count", str(count))]
        return None

    def after(self, asked: Asked, reply: Reply, base: str) -> Reply:
        if reply.status != 200 or asked.kind == "Binary":
            return reply
        for resource in entries(reply.body):
            if resource["resourceType"] == "DiagnosticReport":
                self._report(resource, base)
            if resource["resourceType"] == "ServiceRequest":
                for gone in ("supportingInfo", "reasonReference"):
                    resource.pop(gone, None)
        return reply

    def _report(self, report: Resource, base: str) -> None:
        absent = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        report["category"] = [{"coding": [{"system": absent, "code": "unknown"}], "text": "Unknown"}]
        for gone in ("conclusion", "imagingStudy"):
            report.pop(gone, None)
        if report.get("presentedForm"):
            forms = (("application/pdf", "XR"), ("application/xml", "XML"), ("text/html", "TR"))
            report["presentedForm"] = [
                {"contentType": kind, "url": f"{base}/Binary/{mark}-{report['id']}"} for kind, mark in forms
            ]


class Firely(Plain):
    """Every reference comes back absolute."""

    def after(self, asked: Asked, reply: Reply, base: str) -> Reply:
        return Reply(reply.status, absolute(reply.body, base), reply.kind)


def absolute(node: Any, base: str) -> Any:
    """The same JSON with absolute literal references."""
    if isinstance(node, list):
        return [absolute(each, base) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: absolute(value, base) for key, value in node.items()}
    if isinstance(reference := found.get("reference"), str) and re.match(r"[A-Z]\w+/", reference):
        found["reference"] = f"{base}/{reference}"
    return found


def native(asked: Asked, reply: Reply) -> Reply:
    """A Binary as the bytes it stands for, whatever was asked for: some servers know nothing else."""
    return Reply(200, base64.b64decode(reply.body["data"]), reply.body["contentType"])


def door(app: Any, dialect: Plain, base: str, inner: str) -> Callable[..., Awaitable[None]]:
    """The real application behind one dialect; addresses in its answers are those of this door."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/fhir/") or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        kind, _, id = scope["path"].removeprefix("/fhir/").partition("/")
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        asked = Asked("GET", kind, id, parse_qsl(scope["query_string"].decode()), headers.get("accept", ""))
        reply = dialect.before(asked)
        if reply is None:
            changed = dict(scope) | {"query_string": urlencode(asked.query).encode()}
            status, kind_of_body, body = await whole(app, changed, receive)
            text = body.replace(inner.encode(), base.encode())
            reply = Reply(status, json.loads(text) if "json" in kind_of_body else text, kind_of_body)
            reply = dialect.after(asked, reply, base)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        head = [(b"content-type", reply.kind.encode()), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        await send({"type": "http.response.body", "body": content})

    return application


async def whole(app: Any, scope: Any, receive: Any) -> tuple[int, str, bytes]:
    """The status, content type and body that an ASGI application answers with."""
    status, kind, body = 500, "", b""

    async def send(message: Any) -> None:
        nonlocal status, kind, body
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", b"").decode()
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope, receive, send)
    return status, kind, body


async def run(folder: Path, ports: list[int]) -> None:
    """Serve every door until the process is ended."""
    import uvicorn
    from sekmet.config import Settings
    from sekmet.main import create_app

    inner = f"http://127.0.0.1:{ports[0]}/fhir"
    app = create_app(Settings.model_validate(config_of(folder, ports[0])))
    dialects = (Plain(), Epic(), Oracle(), Firely())
    servers = []
    for dialect, port in zip(dialects, ports, strict=True):
        asgi = door(app, dialect, f"http://127.0.0.1:{port}/fhir", inner)
        servers.append(uvicorn.Server(uvicorn.Config(asgi, "127.0.0.1", port, log_level="warning", lifespan="off")))
    await asyncio.gather(*(server.serve() for server in servers))


@contextmanager
def dialects(folder: Path) -> Iterator[dict[str, Ehr]]:
    """The doors by name; they share one store."""
    ports, log = [free_port() for _ in DOORS], folder / "dialects.log"
    line = [sys.executable, "-m", "parts.dialects", str(folder), *map(str, ports)]
    path = str(Path(__file__).resolve().parents[1])
    with child(line, log, cwd=folder, env=os.environ | {"PYTHONPATH": path}) as process:
        bases = {name: f"http://127.0.0.1:{port}/fhir" for name, port in zip(DOORS, ports, strict=True)}
        wait_until(lambda: requests.get(f"{bases['firely']}/metadata", timeout=2).ok, process, log)
        yield {name: Ehr(base, folder / "sekmet.db") for name, base in bases.items()}


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
