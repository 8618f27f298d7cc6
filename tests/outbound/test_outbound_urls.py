"""Which addresses lie inside an allowed base: every way known to us of naming another place is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from cds_service.outbound import Allowlist, base_url, within

BASE = "https://fhir.hospital.example/R4"
INSIDE = {
    "the base itself": (BASE, BASE),
    "a trailing slash": (BASE + "/", BASE + "/"),
    "a resource": (BASE + "/Binary/a.b-1", BASE + "/Binary/a.b-1"),
    "a page of the base": (BASE + "?_getpages=a1|b&n=2", BASE + "?_getpages=a1|b&n=2"),
    "upper case": ("HTTPS://FHIR.Hospital.EXAMPLE/R4/Patient", BASE + "/Patient"),
    "the default port": ("https://fhir.hospital.example:443/R4/x", BASE + "/x"),
    "an empty port": ("https://fhir.hospital.example:/R4/x", BASE + "/x"),
    "an at sign in the query": (BASE + "/x?identifier=a@b", BASE + "/x?identifier=a@b"),
    "an encoded bar": (BASE + "/x%7Cy", BASE + "/x%7Cy"),
}
OUTSIDE = {
    "another host": "https://evil.example/R4/x",
    "a host that begins alike": "https://fhir.hospital.example.evil.example/R4/x",
    "a host that ends alike": "https://evil-fhir.hospital.example/R4",
    "another scheme": "http://fhir.hospital.example/R4/x",
    "no web scheme": "file:///etc/passwd",
    "gopher": "gopher://fhir.hospital.example/R4",
    "no scheme": "//fhir.hospital.example/R4/x",
    "another port": "https://fhir.hospital.example:8443/R4/x",
    "port 0": "https://fhir.hospital.example:0/R4/x",
    "a port beyond all": "https://fhir.hospital.example:99443/R4/x",
    "a user name": "https://fhir.hospital.example@evil.example/R4/x",
    "a user name on the right host": "https://me:secret@fhir.hospital.example/R4/x",
    "an encoded at sign": "https://fhir.hospital.example%40evil.example/R4/x",
    "a path that begins alike": "https://fhir.hospital.example/R4X/Patient",
    "a path in another case": "https://fhir.hospital.example/r4/Patient",
    "above the base": "https://fhir.hospital.example/admin",
    "the root": "https://fhir.hospital.example",
    "dots": BASE + "/../admin",
    "dots at the end": BASE + "/Patient/..",
    "one dot": BASE + "/./Patient",
    "encoded dots": BASE + "/%2e%2E/admin",
    "dots encoded twice": BASE + "/%252e%252e/admin",
    "dots with a parameter": BASE + "/..;x=1/admin",
    "an encoded slash": BASE + "/..%2fadmin",
    "an encoded backslash": BASE + "/..%5cadmin",
    "a backslash": BASE + "\\..\\admin",
    "a backslash before the host": "https:\\\\evil.example/R4",
    "a backslash instead of an at sign": "https://evil.example\\@fhir.hospital.example/R4",
    "two slashes": BASE + "//evil.example/x",
    "a fragment": BASE + "/Patient#@evil.example",
    "a fragment before the host": "https://evil.example#fhir.hospital.example/R4",
    "a fragment in the query": BASE + "?x#y",
    "a trailing dot": "https://fhir.hospital.example./R4/x",
    "an empty label": "https://fhir..hospital.example/R4/x",
    "a line break": BASE + "/x\r\nHost: evil.example",
    "an encoded line break": BASE + "/x%0d%0aHost:evil.example",
    "a null": BASE + "/x%00",
    "a blank": BASE + "/x y",
    "a blank before": " " + BASE,
    "a tab in the scheme": "ht\ttps://fhir.hospital.example/R4",
    "half a percent sign": BASE + "/x%2",
    "a letter of another script": "https://fhir.hospitаl.example/R4/x",  # the `a` is Cyrillic
    "a full-width letter": "https://ｆhir.hospital.example/R4/x",
    "a full stop of another script": "https://fhir。hospital.example/R4/x",
    "its xn-- form": "https://fhir.xn--hospitl-6fg.example/R4/x",
    "nothing": "",
    "a relative reference": "Patient/1",
    "an endless one": BASE + "/" + "a" * 9000,
}


@pytest.mark.parametrize("case", INSIDE)
def test_what_lies_inside_is_asked_for_in_one_spelling(case: str) -> None:
    """An address at or below the base is allowed, and comes back in canonical form."""
    asked, canonical = INSIDE[case]
    assert within(asked, BASE) == canonical


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_lies_outside_or_is_spelled_oddly_is_refused(case: str) -> None:
    """Everything else is refused, whatever another parser would make of it."""
    assert within(OUTSIDE[case], BASE) is None


LOOPBACK = "http://127.0.0.1:8080/fhir"


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "127.0.0.1.", "127.0.0.01",
     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]", "[::1%lo]",
     "localhost", "127.0.0.1.nip.io", "①②⑦.0.0.1", "0", "0.0.0.0", "169.254.169.254"],
)  # fmt: skip
def test_an_address_has_one_spelling(host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped and named forms of an allowed address are not that address."""
    assert within(f"http://{host}:8080/fhir/Patient/1", LOOPBACK) is None
    assert within("http://127.0.0.1:8080/fhir/Patient/1", LOOPBACK)


def test_ipv6_is_compared_as_an_address() -> None:
    """The long and the short form of an IPv6 address are one; a mapped IPv4 address is another."""
    base = "http://[2001:db8::1]:8080/fhir"
    assert within("http://[2001:0DB8:0:0:0:0:0:1]:8080/fhir/x", base) == base + "/x"
    assert within("http://[2001:db8::2]:8080/fhir/x", base) is None


@pytest.mark.parametrize(
    "written", ["ftp://a.example", "https://u:p@a.example", "https://a.example/x?y", "https://a.example/x#y",
                "https://a.example/../x", "https://2130706433/x", "https://münchen.example/fhir", "a.example/fhir"]
)  # fmt: skip
def test_an_odd_base_is_refused_at_the_start(written: str) -> None:
    """A base that could never match, or would match too much, is named to the operator."""
    with pytest.raises(ValueError, match="ASCII"):
        base_url(written)


def test_a_base_has_one_spelling() -> None:
    """Case, default port and final slash of a listed base do not matter."""
    assert base_url("HTTPS://A.example:443/fhir/") == "https://a.example/fhir"


def test_each_issuer_has_its_own_bases() -> None:
    """An issuer with a list of its own may name no other's server; one without has those of everybody."""
    allow = Allowlist(["https://all.example/fhir"], {"north": ["https://n.example/fhir", "https://n.example/fhir/t1"]})
    assert allow.base("https://n.example/fhir/t1/Patient/1", "north") == "https://n.example/fhir/t1"
    assert allow.base("https://all.example/fhir", "north") is None
    assert allow.base("https://n.example/fhir", "south") is None
    assert allow.base("https://all.example/fhir", "south") == "https://all.example/fhir"


PIECES = st.sampled_from(
    ["https://", "http://", "fhir.hospital.example", "evil.example", "/R4", "/", "\\", "@", ":", "#", "?", "..", ".",
     "%2e", "%2f", "%5c", "%", ";", "//", " ", "\t", "[", "]", "::1", "443", "80", "Patient", "а", "\u3002", "X"]
)  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=9).map("".join) | st.text(max_size=40))
def test_the_http_client_goes_where_was_compared(url: str) -> None:
    """Whatever is allowed, the HTTP client's own parser also sees the allowed host, port and a path below the base."""
    for asked in (within(url, BASE), within(BASE + url, BASE)):
        if asked is not None:
            seen = parse_url(asked)
            assert (seen.scheme, seen.auth, seen.host, seen.port) == ("https", None, "fhir.hospital.example", None)
            assert seen.path is not None
            assert (seen.path + "/").startswith("/R4/")
            assert seen.fragment is None
