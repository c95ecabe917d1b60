"""Writes what the program is made of: a bill of materials that the wheel carries (CycloneDX), and a page of licences.

    python deploy/bill_of_materials.py          # in the environment of `make test`, after deploy/lock.sh

Components are those of deploy/requirements*.txt, where the digests of their files stand; licences are what each package
says of itself, empty for one that this platform does not install (CUDA).
"""

from __future__ import annotations

import configparser
import json
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
BILL, LICENCES = ROOT / "node" / "bill_of_materials.cdx.json", ROOT / "docs" / "licences.md"
LOCKS = ("requirements.txt", "requirements-torch.txt")
_HEAD = """# Licences

MOME Node is under the Apache License 2.0. It installs these packages, each under a licence of its own, as each says of
itself; those for CUDA come with PyTorch on Linux and are under NVIDIA's terms. Written by
`python deploy/bill_of_materials.py`, with the bill of materials (CycloneDX) that the wheel carries in
`node/bill_of_materials.cdx.json`.

| package | version | licence |
| --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A package that an installation is held to."""

    name: str
    version: str


def locked_packages(text: str) -> list[LockedPackage]:
    """The packages of a list that pip takes with --require-hashes."""
    return [LockedPackage(*found) for found in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", text, re.M)]


def licence_of(name: str) -> str:
    """What a package says of its licence in one line; empty for one that is not installed here."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [each.split(" :: ")[-1] for each in said.get_all("Classifier") or () if each.startswith("License ::")]
    words = (said.get("License") or "").strip().splitlines()
    return str(said.get("License-Expression") or " AND ".join(classifiers) or (words[0] if words else ""))


def bill(version: str, packages: list[LockedPackage]) -> str:
    """The bill of materials as JSON; without a time, so that the same packages give the same bytes."""
    own = Component(name="mome-node", version=version, type=ComponentType.APPLICATION, bom_ref=f"mome-node@{version}")
    made = Bom(
        serial_number=uuid5(NAMESPACE_URL, repr((version, packages))),
        metadata=BomMetaData(component=own),
    )
    parts = [_component(each) for each in packages]
    for each in parts:
        made.components.add(each)
    made.register_dependency(own, parts)
    content = json.loads(JsonV1Dot6(made).output_as_string())
    del content["metadata"]["timestamp"]
    return json.dumps(content, indent=1) + "\n"


def _component(package: LockedPackage) -> Component:
    url = PackageURL("pypi", name=package.name, version=package.version)
    said = licence_of(package.name)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=url.to_string(),
        purl=url,
        licenses=[LicenseFactory().make_from_string(said)] if said else [],
    )


def page(packages: list[LockedPackage]) -> str:
    """The licences as a table."""
    rows = (f"| {each.name} | {each.version} | {licence_of(each.name) or '-'} |\n" for each in packages)
    return _HEAD + "".join(rows)


def everything() -> list[LockedPackage]:
    """Each package of all lists once, by name."""
    found = {p.name: p for lock in LOCKS for p in locked_packages((ROOT / "deploy" / lock).read_text())}
    return [found[name] for name in sorted(found)]


def own_version() -> str:
    """The version in setup.cfg."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings["metadata"]["version"]


def main() -> None:
    """Write both files."""
    packages = everything()
    BILL.write_text(bill(own_version(), packages))
    LICENCES.write_text(page(packages))
    print(f"{len(packages)} packages: {BILL.relative_to(ROOT)}, {LICENCES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
