"""This installation: one UUID for its life, and the implementation that the conformance statement names."""

from __future__ import annotations

from pathlib import Path

from node.conformance import statement
from node.identity import this_device


def test_an_installation_keeps_its_uuid(tmp_path: Path) -> None:
    first, other = this_device(tmp_path / "root"), this_device(tmp_path / "other")
    assert this_device(tmp_path / "root") == first
    assert other.installation != first.installation


def test_result_objects_name_the_implementation_of_the_conformance_statement(tmp_path: Path) -> None:
    device = this_device(tmp_path)
    assert f"| {device.implementation_class_uid} |" in statement()
    assert f"| {device.implementation_version_name} |" in statement()
