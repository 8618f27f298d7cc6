"""sekmet-fhir as the EHR's FHIR server: bearer required, scopes enforced, every exchange in its `traffic` table."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jwt
import requests
import yaml

from parts.processes import child, free_port, wait_until

LOADER = "loader"
NARROW = "patient/Patient.rs"


@dataclass(frozen=True, slots=True)
class Query:
    """One exchange, as the server itself recorded it."""

    method: str
    path: str
    status: int
    client: str


@dataclass(frozen=True, slots=True)
class Ehr:
    """A running FHIR server, and what its owner may do with it."""

    base: str
    database: Path

    def load(self, resources: Iterable[dict[str, Any]]) -> None:
        """Store resources under their own ids, in transactions."""
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ]
        for start in range(0, len(entries), 200):
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries[start : start + 200]}
            headers = {"Authorization": f"Bearer {LOADER}", "Content-Type": "application/fhir+json"}
            answer = requests.post(self.base, json=bundle, headers=headers, timeout=60)
            assert answer.ok, answer.text[:2000]

    def token(self, client: str = "cds") -> str:
        """An access token from the server's own token endpoint."""
        url = self.base.removesuffix("/fhir") + "/auth/token"
        answer = requests.post(url, data={"grant_type": "client_credentials"}, auth=(client, "s"), timeout=10)
        assert answer.ok, answer.text
        return str(answer.json()["access_token"])

    def expired(self) -> str:
        """A token of this server's own making whose time is up."""
        claims = jwt.decode(self.token(), options={"verify_signature": False})
        with closing(sqlite3.connect(self.database)) as connection:
            (secret,) = connection.execute("SELECT v FROM kv WHERE k = 'jwt_secret'").fetchone()
        return jwt.encode(claims | {"iat": claims["iat"] - 900, "exp": claims["exp"] - 900}, secret, algorithm="HS256")

    def mark(self) -> int:
        """A point in the server's record, to be handed to `queries`."""
        with closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM traffic").fetchone()[0])

    def queries(self, since: int) -> list[Query]:
        """Every FHIR exchange since the mark; the server writes a row a moment after it has answered."""
        time.sleep(0.25)
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute(
                "SELECT method, url, status, peer FROM traffic WHERE id > ? AND url LIKE '/fhir/%' ORDER BY id",
                (since,),
            ).fetchall()
        return [Query(method, unquote(url).removeprefix("/fhir/"), status, peer) for method, url, status, peer in rows]


def config_of(folder: Path, port: int, token_seconds: int = 300) -> dict[str, Any]:
    """How the server is set up: tokens needed, scopes enforced, nothing simulated, nothing refused for its shape."""
    return {
        "base_url": f"http://127.0.0.1:{port}/fhir",
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(folder),
        "simulator": {"enabled": False},  # it would fulfil our orders by itself
        "validation": {"inbound": "off"},  # real EHRs store what is not quite FHIR
        "server_auth": {
            "types": ["bearer", "smart"],
            "tokens": [LOADER],
            "token_lifetime": token_seconds,
            "smart_clients": [
                {"client_id": "cds", "client_secret": "s", "scopes": "user/*.rs"},
                {"client_id": "narrow", "client_secret": "s", "scopes": NARROW},
            ],
        },
    }


@contextmanager
def sekmet(folder: Path, token_seconds: int = 300) -> Iterator[Ehr]:
    """Start the server in `folder` and wait until it answers."""
    port, log = free_port(), folder / "sekmet.log"
    config = config_of(folder, port, token_seconds)
    base = config["base_url"]
    (folder / "sekmet.yaml").write_text(yaml.safe_dump(config))
    line = [str(Path(sys.executable).with_name("sekmet")), "serve", "-c", str(folder / "sekmet.yaml")]
    with child(line, log, cwd=folder, env=os.environ) as process:
        wait_until(lambda: requests.get(f"{base}/metadata", timeout=2).ok, process, log)
        yield Ehr(base, folder / "sekmet.db")
