"""The ordinary study of these tests, and its result."""

from __future__ import annotations

import pytest
from sr_studies import Layout, make_evidence, make_result

from mome_core.results import Result
from sr_templates.evidence import Evidence


@pytest.fixture
def evidence() -> Evidence:
    return make_evidence(Layout())


@pytest.fixture
def result(evidence: Evidence) -> Result:
    return make_result(evidence)
