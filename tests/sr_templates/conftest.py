"""The ordinary study of these tests, its result and its objects; tests that change them make their own."""

from __future__ import annotations

import pytest

from mome_core.results import Result
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import OFFERED_KINDS


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence(Layout())


@pytest.fixture(scope="module")
def result(evidence: Evidence) -> Result:
    return make_result(evidence)


@pytest.fixture(scope="module")
def objects(result: Result, evidence: Evidence) -> ResultObjects:
    """Every kind of object of the ordinary study; not to be changed."""
    return build_objects(result, evidence, DEVICE, options=ObjectOptions(OFFERED_KINDS))
