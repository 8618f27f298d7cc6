"""The worked example of a site's facts is one that the service takes."""

from pathlib import Path

from cds_service.content import load_content

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "site-example.yaml"


def test_the_example_of_site_facts_is_taken():
    """Roster, offers, order keys and exemptions of the example are read as they are meant."""
    site = load_content(site_file=EXAMPLE).site
    assert site.roster["PractitionerRole/4711"] == ("neuroradiology",)
    assert (site.offer("oncologic").turnaround_hours, site.offer("breast")) == (48, None)
    assert site.order_keys["epic"]["neuroradiology"].endswith("|SECREADNEURO")
    assert list(site.exempt) == ["Organization/cancer-centre"]
