"""What an analyst is given, and what a doctor says."""

import csv
import json
import subprocess
import tomllib

import pytest
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.config import load_settings
from cds_service.connect.doctor import configuration, recorded, replay
from cds_service.connect.kit import Place, kit_files
from cds_service.demo.charts import load_charts
from cds_service.demo.hook_request import hook_request

INSTANCE = "6f6e7e2c-6d0c-4d38-9a2e-2b8a3d1c9f10"


@pytest.fixture
def call_of(content, clock):
    """The request of a demo chart."""

    def made(chart_id):
        chart = next(chart for chart in load_charts(clock()) if chart.id == chart_id)
        return hook_request(chart, content.prefetch, INSTANCE)

    return made


@pytest.mark.parametrize("client", ["epic", "oracle", "athena", "reference", "unknown"])
def test_a_kit_holds_all_that_is_pasted(content, client):
    """For every client: each prefetch key, each override reason, each order, claims with the exact addresses."""
    place = Place("https://cds.example/sr", client, "https://ehr.example/iss", "https://ehr.example/fhir")
    files = kit_files(place, content)
    assert dict(csv.reader(files["prefetch.csv"].splitlines()[1:])) == dict(content.prefetch)
    assert [row[0] for row in csv.reader(files["override-reasons.csv"].splitlines()[1:])] == list(
        content.words.override_reasons
    )
    assert {row[0] for row in csv.reader(files["order-keys.csv"].splitlines()[1:])} == content.routing.ids
    assert "https://cds.example/sr/cds-services/second-read/feedback" in files["claims.md"]
    assert "user/DiagnosticReport.rs" in files["scopes.txt"].split()
    (entry,) = tomllib.loads(files["clients.toml"])["clients"]
    assert (entry["iss"], entry["profile"]) == ("https://ehr.example/iss", client)
    assert ("No suggestion is sent" in files["README.md"]) is not content.words.clients[client].suggestions


def test_the_clients_file_of_a_kit_is_taken(content, tmp_path):
    """The entry that the kit writes lets the service start, once the keys stand beside it."""
    from parts.issuers import issuer

    from cds_service.auth import load_trust

    place = Place("https://cds.example", "epic", "https://ehr.example/iss", "https://ehr.example/fhir")
    file = tmp_path / "clients.toml"
    file.write_text(kit_files(place, content)["clients.toml"])
    (tmp_path / "epic-keys.json").write_text(json.dumps(issuer("RS384").entry()["jwks"]))
    settings = load_settings({"SECOND_READ_CLIENTS_FILE": str(file), "SECOND_READ_PUBLIC_URLS": "https://cds.example"})
    assert list(load_trust(settings).issuers) == ["https://ehr.example/iss"]


def test_the_script_of_a_kit_is_a_script(tmp_path):
    """`install-kit` writes a folder whose test script a shell understands, and says where to start."""
    told = CliRunner().invoke(
        main, ["install-kit", "--client", "epic", "--base-url", "https://cds.example/", "--output", str(tmp_path / "k")]
    )
    assert told.exit_code == 0, told.output
    assert "Start with README.md" in told.output
    assert subprocess.run(["sh", "-n", tmp_path / "k" / "try.sh"], check=False).returncode == 0
    assert "https://cds.example/cds-services" in (tmp_path / "k" / "try.sh").read_text()


def test_an_unknown_client_is_named_with_the_nearest(tmp_path):
    """A misspelt profile is refused with the nearest one."""
    words = ["install-kit", "--client", "epik", "--base-url", "https://x", "--output", str(tmp_path)]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 1
    assert "did you mean 'epic'?" in told.output


def test_a_configuration_that_is_fine_has_no_problem(settings, clock):
    """The settings of a demo or a test start, and every note says what to do."""
    found, content = configuration(settings, clock())
    assert content is not None
    assert [each for each in found if each.level == "problem"] == []
    assert all(each.do for each in found if each.level == "note" and each.about != "rules")


def test_what_an_epic_site_must_still_build_is_a_problem(content, tmp_path, clock):
    """A caller that orders by key, without keys in site.yaml, is told which orders to build."""
    from parts.issuers import issuer

    file = tmp_path / "clients.toml"
    keys = json.dumps(issuer("RS384").entry()["jwks"])
    file.write_text("[[clients]]\niss = 'https://e'\nprofile = 'epic'\njwks_file = 'keys.json'\n")
    (tmp_path / "keys.json").write_text(keys)
    settings = load_settings(
        {
            "SECOND_READ_CLIENTS_FILE": str(file),
            "SECOND_READ_PUBLIC_URLS": "https://cds.example",
            "SECOND_READ_DATABASE_URL": f"sqlite:///{tmp_path}/l.db",
            "SECOND_READ_LEDGER_KEY": "k" * 32,
        }
    )
    found, _ = configuration(settings, clock())
    (problem,) = [each for each in found if each.level == "problem"]
    assert "neuroradiology" in problem.says
    assert "order_keys" in problem.do


def test_a_call_that_gets_a_card_is_told_step_by_step(content, call_of, clock):
    """Prefetch, order, study, report and rules are named, and the card is shown as the client renders it."""
    raw = json.dumps(call_of("lumbar-fusion-moderate")).encode()
    told = replay(recorded(raw, clock()), content, "reference")
    assert not [each for each in told.found if each.level == "problem"]
    assert any(each.about == "spine-fusion" and each.says.startswith("speaks") for each in told.found)
    (card,) = told.cards
    assert card["suggestions"]
    (bare,) = replay(recorded(raw, clock()), content, "oracle").cards
    assert "suggestions" not in bare


def test_what_was_not_sent_is_named_with_what_to_do(content, call_of, clock):
    """A call without reports says that nothing was sent for them, what that means, and that nothing is shown."""
    call = call_of("lumbar-fusion-moderate")
    del call["prefetch"]["diagnosticReports"]
    told = replay(recorded(json.dumps(call).encode(), clock()), content, "reference")
    about = {each.about: each for each in told.found}
    assert about["prefetch diagnosticReports"].level == "note"
    assert "template" in about["prefetch diagnosticReports"].do


def test_an_irrelevant_order_is_told_as_such(content, call_of, clock):
    """Where no order is recognised, triage says so, and what to do if one should be."""
    told = replay(recorded(json.dumps(call_of("labs-and-imaging")).encode(), clock()), content, "reference")
    assert told.cards == ()
    assert any(each.about == "triage" and "local code map" in each.do for each in told.found)


def test_a_broken_request_is_told_by_its_path(content, clock):
    """A request without a patient names the path and what is expected there."""
    told = replay(recorded(b'{"hook": "order-sign"}', clock()), content, None)
    assert any("$" in each.about for each in told.found)
    assert all(each.level == "problem" for each in told.found)


def test_doctor_reads_a_captured_call_and_says_what_the_surgeon_sees(content, call_of, clock, settings, tmp_path):
    """From the command line: a captured file is replayed at its own moment, for the client it was captured from."""
    file = tmp_path / "call.json"
    about = {"at": clock().isoformat(), "client": "epic", "cards": 1}
    file.write_text(json.dumps({"captured": about, "request": call_of("lumbar-fusion-moderate")}))
    env = {
        "SECOND_READ_AUTH": "off",
        "SECOND_READ_DATABASE_URL": settings.database_url,
        "SECOND_READ_LEDGER_KEY": "k" * 32,
        "COLUMNS": "100",
    }
    told = CliRunner().invoke(main, ["doctor", str(file)], env=env)
    assert told.exit_code == 0, told.output
    assert "What the surgeon sees" in told.output
    found = json.loads(CliRunner().invoke(main, ["doctor", "--json", "-"], input=file.read_bytes(), env=env).output)
    assert len(found["cards"]) == 1
    assert found["configuration"]
    assert CliRunner().invoke(main, ["doctor", "-"], input=b"<html>", env=env).exit_code == 1


def test_capture_is_opened_listed_and_closed(tmp_path):
    """Without a folder it is refused; with one a window is opened by somebody for a reason, shown, and closed."""
    assert (
        "SECOND_READ_CAPTURE_DIR"
        in CliRunner().invoke(main, ["capture", "list"], env={"SECOND_READ_AUTH": "off"}).output
    )
    env = {"SECOND_READ_AUTH": "off", "SECOND_READ_CAPTURE_DIR": str(tmp_path)}

    def run(*words):
        told = CliRunner().invoke(main, ["capture", *words], env=env)
        assert told.exit_code == 0, told.output
        return told.output

    assert "no window is open" in run("list")
    assert "at most 20 calls" in run("open", "--minutes", "15", "--by", "A. Nalyst", "--reason", "no card")
    assert "by A. Nalyst" in run("list")
    assert "closed" in run("close")
    assert CliRunner().invoke(main, ["capture", "open", "--minutes", "15"], env=env).exit_code == 2
