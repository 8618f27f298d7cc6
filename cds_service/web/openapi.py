"""The service described as OpenAPI 3.1, from the services it lists and the JSON Schemas it judges by."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from cds_service.web.shapes import Shape, validator

_SHAPES: tuple[Shape, ...] = ("discovery", "order-sign-request", "response", "feedback", "operation-outcome")
_SELECT = "order-select-request"
_REFUSALS = {
    "400": "not JSON, or against CDS Hooks; each issue names a place",
    "401": "the caller did not prove who it is; the reason is not told",
    "405": "another method; `Allow` names those there are",
    "412": "data that every rule needs was not prefetched, and cannot be read",
    "413": "the body is larger than this service accepts",
    "415": "no JSON, or compressed",
    "429": "too many calls of this client; `Retry-After` says when the next is taken",
    "500": "the service failed; its owner has been told",
    "503": "cannot be kept or checked now; send it again after `Retry-After`",
}


def openapi(
    services: Sequence[Mapping[str, Any]],
    public_urls: Sequence[str] = (),
    auth: str = "jwt",
    published: bool = False,
) -> dict[str, Any]:
    """The description; paths are those of these services and the ones that monitoring asks for."""
    signed_in: list[dict[str, list[str]]] = [] if auth == "off" else [{"certificate" if auth == "mtls" else "jwt": []}]
    paths: dict[str, Any] = {
        "/cds-services": {"get": _operation("discover", "Discovery", "discovery", ("401", "429", "503"), signed_in)},
        "/openapi.json": {"get": _operation("describe", "This description", None, ("401", "429", "503"), signed_in)},
        "/healthz": {"get": _operation("health", "Whether rules work", None, (), [], {"503": "a rule failed"})},
        "/readyz": {"get": _operation("ready", "Whether calls can be recorded", None, (), [], {"503": "they cannot"})},
        "/metrics": {
            "get": _operation("metrics", "Prometheus metrics", None, ("401",), [{"operator": []}] if signed_in else [])
        },
    }
    for service in services:
        path = f"/cds-services/{service['id']}"
        selecting = service["hook"] == "order-select"
        refused = [each for each in ("400", "401", "412", "413", "415", "429", "500", "503")
                   if each != "412" or not selecting]  # fmt: skip
        call = _operation(f"call-{service['id']}", service.get("title", service["id"]), "response", refused, signed_in)
        told = _operation(f"feedback-{service['id']}", "What users did with cards", None,
                          ("400", "401", "413", "415", "500", "503"), signed_in)  # fmt: skip
        paths[path] = {"post": call | {"requestBody": _body(_SELECT if selecting else "order-sign-request")}}
        paths[f"{path}/feedback"] = {"post": told | {"requestBody": _body("feedback")}}
    paths |= {path: {verb: _page(verb, path, summary)} for path, verb, summary in _PUBLISHED} if published else {}
    schemas = {str(name): _embedded(name) for name in _SHAPES}
    if any(service["hook"] == "order-select" for service in services):
        schemas[_SELECT] = _selecting(schemas["order-sign-request"])
    schemes: dict[str, Any] = {"operator": {"type": "http", "scheme": "bearer"}}
    if auth == "jwt":
        schemes["jwt"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if auth == "mtls":
        schemes["certificate"] = {"type": "mutualTLS"}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Second Read",
            "version": version("second-read"),
            "description": "A CDS Hooks 2.0.1 service for order-sign.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": schemes},
    }
    return described | ({"servers": [{"url": url} for url in public_urls]} if public_urls else {})


_PUBLISHED = (
    ("/rules/", "get", "All rules, to be read"),
    ("/rules/{id}", "get", "One rule, to be read"),
    ("/rules/intended-use", "get", "What the service is for"),
    ("/rules/style.css", "get", "Their style"),
    ("/fhir/metadata", "get", "FHIR CapabilityStatement"),
    ("/fhir/{kind}", "get", "FHIR search"),
    ("/fhir/{kind}/_search", "post", "FHIR search by form"),
    ("/fhir/{kind}/{id}", "get", "FHIR read"),
)


def _page(verb: str, path: str, summary: str) -> dict[str, Any]:
    """A page or resource about the rules; /fhir is for whoever has the operator's token."""
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return {
        "operationId": "-".join([verb, *(part.strip("{}_") for part in path.split("/") if part)]),
        "summary": summary,
        "security": [{"operator": []}] if path.startswith("/fhir") else [],
        "parameters": [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names],
        "responses": {"200": {"description": summary}, "default": {"description": "refused"}},
    }


def _operation(
    name: str,
    summary: str,
    answer: Shape | None,
    refusals: Sequence[str],
    security: list[dict[str, list[str]]],
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(answer)}} if answer else None
    responses: dict[str, Any] = {"200": {"description": summary} | ({"content": content} if content else {})}
    for status in refusals:
        responses[status] = {"description": _REFUSALS[status]}
        if status != "401":  # bare
            responses[status]["content"] = {"application/fhir+json": {"schema": _ref("operation-outcome")}}
        if status in ("429", "503"):
            responses[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    responses |= {status: {"description": words} for status, words in (more or {}).items()}
    return {"operationId": name, "summary": summary, "responses": responses, "security": security}


def _selecting(signing: Mapping[str, Any]) -> dict[str, Any]:
    """The call of order-select 1.0: that of order-sign with another name, and what was just selected."""
    context = signing["properties"]["context"]
    selections = {
        "description": "an array of `Type/id`, the orders just selected",
        "type": "array",
        "items": {"type": "string"},
    }
    described = {
        "hook": {"description": "`order-select`, the hook of this service", "const": "order-select"},
        "context": context
        | {
            "description": "an object with userId, patientId, selections and draftOrders",
            "required": [*context["required"], "selections"],
            "properties": context["properties"] | {"selections": selections},
        },
    }
    title = "CDS Hooks 2.0.1 request of the hook order-select 1.0: its envelope"
    return {**signing, "title": title, "properties": signing["properties"] | described}


def _body(shape: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(shape)}}}


def _ref(shape: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape}"}


def _embedded(shape: Shape) -> Any:
    """A schema as a part of the description: its own references lead to where it stands now."""
    return _moved({k: v for k, v in validator(shape).schema.items() if k not in ("$id", "$schema")}, shape)


def _moved(node: Any, shape: Shape) -> Any:
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", f"#/components/schemas/{shape}/$defs/")
            if key == "$ref"
            else _moved(value, shape)
            for key, value in node.items()
        }
    return [_moved(each, shape) for each in node] if isinstance(node, list) else node
