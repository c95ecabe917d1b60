"""What every test may rely on, and a loud word at the end about what could not run here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# Every layout through every validator and viewer: an hour, run by `make test-all` before a release.
EXHAUSTIVE = {
    "test_viewer_ohif.py",
    "test_validators.py",
    "test_results_vendors.py",
    "test_node_durability.py",
    "test_node_faults.py",
    "test_model_promotion.py",
}


# Names and numbers of the patients of our tests: in no log of any node that the whole suite starts.
CANARIES = ("ZZPHI", "alert(1)", "PHANTOM^", "PHANTOM-0", "SYN0000")


@pytest.fixture(scope="session", autouse=True)
def no_log_names_a_patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test: look through every log that the nodes of this session left."""
    yield
    logs = [each for each in tmp_path_factory.getbasetemp().rglob("*log") if each.is_file()]
    found = [(str(each), word) for each in logs for word in CANARIES if word in each.read_text("utf-8", "replace")]
    assert found == [], "a patient is named in a log"


@pytest.fixture(scope="session", autouse=True)
def prompt_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where commands keep who the user's device is, away from the one of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("state")
        patched.setenv("XDG_STATE_HOME", str(folder))
        yield folder / "mome-node"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of those files, so that `make test` can leave them to `make test-all`."""
    for item in items:
        if item.path.name in EXHAUSTIVE:
            item.add_marker(pytest.mark.exhaustive)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names each reason for skipping, so that a green run never hides a test that did not run."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("NOT RUN ON THIS MACHINE", sep="!", red=True, bold=True)
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} test(s): {reason}", red=True)
