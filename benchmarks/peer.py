"""The same minimal service with HealthChain: count the reports, return one card. Needs an environment of its own."""

from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models.requests.cdsrequest import CDSRequest
from healthchain.models.responses.cdsresponse import Card, CDSResponse

cds = CDSHooksService()


@cds.hook("order-sign", id="second-read", title="Second read")
def order_sign(request: CDSRequest) -> CDSResponse:
    """One card, whatever was ordered."""
    reports = ((request.prefetch or {}).get("diagnosticReports") or {}).get("entry") or []
    card = Card(
        summary="Recommend subspecialty second read",
        indicator="warning",
        source={"label": "bench"},
        detail=f"{len(reports)} reports",
    )
    return CDSResponse(cards=[card])


app = HealthChainAPI(title="bench")
app.register_service(cds)
