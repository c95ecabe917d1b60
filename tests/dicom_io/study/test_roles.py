"""A site's own rules for its series names."""

from __future__ import annotations

import pytest

from dicom_io.study.roles import RoleRule, read_rules, rule_for
from mome_core.case import Role


def test_the_first_rule_that_fits_a_name_is_taken_whatever_its_case() -> None:
    first, second = RoleRule("t2_*", Role.T2), RoleRule("*tra*", Role.OTHER)
    assert rule_for("T2_TSE_TRA", (first, second)) is first
    assert rule_for("t1_tra", (first, second)) is second
    assert rule_for("dyn", (first, second)) is None


def test_a_role_that_does_not_exist_is_named() -> None:
    assert read_rules({"t2*": "T2"}) == (RoleRule("t2*", Role.T2),)
    with pytest.raises(ValueError, match="no role T3"):
        read_rules({"t2*": "T3"})
