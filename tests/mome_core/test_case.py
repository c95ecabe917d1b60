"""Whether two cases are the same to the network."""

from __future__ import annotations

import pytest

from mome_core.case import Case, same_images


@pytest.mark.parametrize(("proof", "same"), [("proven", True), ("unknown", False)])
def test_cases_differ_where_only_one_proves_its_phase_before_contrast(proof: str, same: bool) -> None:
    before = Case(acquisition={"pre_contrast": "proven", "manufacturer": "A"})
    assert same_images(before, Case(acquisition={"pre_contrast": proof, "manufacturer": "B"})) is same
