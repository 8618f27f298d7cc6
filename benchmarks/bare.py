"""What a CDS service costs before it does anything: Flask parses the same JSON and returns a constant."""

import json

from flask import Flask, Response, request

ANSWER = b'{"cards":[]}'
app = Flask(__name__)


@app.post("/cds-services/second-read")
def order_sign() -> Response:
    """Read the body with the standard library, and say nothing."""
    json.loads(request.get_data())
    return Response(ANSWER, mimetype="application/json")


@app.get("/readyz")
def ready() -> Response:
    """For the start."""
    return Response(b"{}", mimetype="application/json")
