"""What the program contains, from Cargo's own data: dependencies.py licences|sbom TARGET

licences: the text of every licence of every dependency. sbom: CycloneDX 1.6, as JSON.
Dependencies of tests and of build scripts are not in the program and not listed.
"""

import json
import os
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path

NAMES = ("licen", "copying", "copyright", "notice", "unlicense")


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


def packages(target: str) -> tuple[dict, list[dict]]:
    """This package, and what it contains, sorted by name and version."""
    tree = cargo("tree", "--locked", "--edges", "normal", "--target", target, "--prefix", "none",
                 "--format", "{p}", "--no-dedupe")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    found = [one for one in metadata["packages"] if (one["name"], "v" + one["version"]) in wanted]
    own = next(one for one in found if one["source"] is None)
    others = [one for one in found if one is not own]
    return own, sorted(others, key=lambda one: (one["name"], one["version"]))


def licences(target: str) -> None:
    own, others = packages(target)
    print(f"{own['name']} {own['version']} contains the packages below, each under its licence.")
    missing = []
    first = {}  # the package that printed a text first
    for one in others:
        folder = Path(one["manifest_path"]).parent
        files = sorted(file for file in folder.iterdir()
                       if file.is_file() and file.name.lower().startswith(NAMES))
        if not files:
            missing.append(one)
        print(f"\n{'=' * 80}\n{one['name']} {one['version']}\nLicence: {one['license']}")
        if one["authors"]:
            print("Authors: " + ", ".join(one["authors"]))
        for file in files:
            text = file.read_text(errors="replace").strip()
            known = first.setdefault(" ".join(text.split()), f"{file.name} of {one['name']} {one['version']}")
            here = f"{file.name} of {one['name']} {one['version']}"
            print(f"\n--- {file.name}" + (f"\n\n{text}" if known == here else f": the same text as {known}"))
    if missing:
        print(f"\n{'=' * 80}\nWithout a licence file of their own; the named licence applies:")
        for one in missing:
            print(f"  {one['name']} {one['version']}: {one['license']}")


def sbom(target: str) -> None:
    own, others = packages(target)
    locked = tomllib.loads(Path("Cargo.lock").read_text())["package"]
    sums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])

    def component(one: dict, kind: str) -> dict:
        purl = f"pkg:cargo/{one['name']}@{one['version']}"
        made = {"type": kind, "bom-ref": purl, "name": one["name"], "version": one["version"],
                "purl": purl, "licenses": [{"expression": one["license"].replace("/", " OR ")}]}
        if one["description"]:
            made["description"] = " ".join(one["description"].split())
        if sha := sums.get((one["name"], one["version"])):
            made["hashes"] = [{"alg": "SHA-256", "content": sha}]
        return made

    refs = [f"pkg:cargo/{one['name']}@{one['version']}" for one in others]
    root = component(own, "application")
    name = f"{own['name']} {own['version']} {target} {epoch}"
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": root,
            "properties": [
                {"name": "target", "value": target},
                {"name": "rustc", "value": subprocess.run(
                    ["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()},
            ],
        },
        "components": [component(one, "library") for one in others],
        "dependencies": [{"ref": root["bom-ref"], "dependsOn": refs}],
    }
    print(json.dumps(bom, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    {"licences": licences, "sbom": sbom}[sys.argv[1]](sys.argv[2])
