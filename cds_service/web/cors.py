"""CORS for browser-based EHRs (CDS Hooks 2.0.1, Cross-Origin Resource Sharing); without origins, none."""

from collections.abc import Sequence

from flask import Flask, Response, request

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """Let pages of these origins call discovery, order-sign and feedback, and read what they are answered."""

    @app.after_request
    def _allow(response: Response) -> Response:
        if request.path.startswith("/cds-services"):
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin in origins:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = "Retry-After"
                if request.method == "OPTIONS":
                    response.headers.update(_PREFLIGHT)
        return response
