"""Each finding's tests fail once its protection is taken away, as they would have on the commit before it.

That commit can't run today's tests. So what closed a finding is undone in a copy of today's code, as the second text of
each row says; then the tests that docs/findings.md names for it must fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from places import DOCS, ROOT

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]


@dataclass(frozen=True, slots=True)
class Protection:
    """Lines that close a finding, and what stands in their place when they are taken away."""

    finding: str
    file: str
    lines: str
    without: str


PROTECTIONS = (
    Protection(
        "H1",
        "dicom_io/deidentification/cleaning.py",
        "            rule = _rules().get(tag)\n",
        "            rule = _rules().get(tag) or made.add(elements.dataset[tag])\n",
    ),
    Protection(
        "H2",
        "dicom_io/pixels/frames.py",
        "unused = instance.bits_allocated - instance.bits_stored",
        "unused = 0",
    ),
    Protection(
        "H3",
        "dicom_io/deidentification/cleaning.py",
        "values, whole = self._values(safe.shape or Items(), elements, tag, safe.vr)",
        "values, whole = [elements.dataset[tag].value], True",
    ),
    Protection(
        "H4", "node/patient_digest.py", "Likeness.ANOTHER if are_two(_parts(known), _parts(arrived)) else", "True and"
    ),
    Protection("H5", "node/dashboard/connections.py", "self.make_room()\n", "pass\n"),
    Protection(
        "H6",
        "dicom_io/network/acceptor.py",
        "if sum(each.address == peer.address for each in peers) >= self.limits.per_address:",
        "if False:",
    ),
    Protection("H6", "dicom_io/network/association.py", "if count < limits.least_rate * seconds:", "if False:"),
    Protection("M1", "node/remedies.py", "{shlex.quote(rejected.calling_ae_title)}", "{rejected.calling_ae_title}"),
    Protection("M2", "node/dashboard/patient_access.py", "if self._is_new(person, study_instance_uid):", "if False:"),
    Protection(
        "M2", "node/dashboard/patient_access.py", 'if self._is_new(f"{person} from {address}", what):', "if False:"
    ),
    Protection(
        "M3",
        "node/service/audit_writer.py",
        "flood, now = (event, fields.address, about),",
        'flood, now = ("", "", ""),',
    ),
    Protection("M4", "node/audit.py", "expected[each.entries].add(each.digest)", "pass"),
    Protection("M5", "node/storage/ledger/transitions.py", "    if study.conflict:\n", "    if False:\n"),
    Protection("M6", "node/storage/ledger/conflict_rows.py", "if why is not ReasonCode.FOREIGN_OBJECT:", "if True:"),
    Protection("M7", "node/storage/archive.py", "if status.st_mode & 0o077 and", "if False and"),
    Protection("M8", "dicom_io/network/commitment.py", "MOST_REFERENCES = 10_000 ", "MOST_REFERENCES = 10_000_000 "),
    Protection("M9", "dicom_io/network/acceptor.py", "if not self.service.allows(str(address[0])):", "if False:"),
    Protection("M10", "node/dashboard/server.py", "(here.oidc_issuer and here.oidc_admins) or", "False or"),
    Protection("M11", "node/dashboard/guard.py", "clear = self.behind_proxy and", "clear = False and"),
    Protection("M12", "node/settings.py", "if self.alerts.webhook:", "if False:"),
    Protection("M13", "node/dashboard/rights.py", "                times.append(now)\n", "                pass\n"),
    Protection("M14", "node/model_trust.py", "key.verify(signature, _signed_text(bundle, manifest_sha256))", "pass"),
    Protection(
        "L1",
        "node/dashboard/worklist.py",
        "return position if math.isfinite(position[0]) and 0 <= position[1] <= _LARGEST_NUMBER else None",
        "return position",
    ),
    Protection("L2", "mome_core/training/table.py", "if _FORMULA.match(text) and not", "if False and not"),
    Protection("L3", "node/models.py", "if (bundle / name).is_symlink():", "if False:"),
    Protection("L4", "mome_core/model/published_keys.py", "if unpacked > path.stat().st_size:", "if False:"),
    Protection("L5", "node/dashboard/oidc.py", "if not -_LEEWAY_SECONDS <=", "if False and not -_LEEWAY_SECONDS <="),
    Protection("L5", "node/dashboard/oidc.py", "None if several else client_id) != client_id:", "0) == ():"),
    Protection("L6", "node/dashboard/oidc.py", "if len(self.pending) >= _MOST_PENDING:", "if False:"),
    Protection(
        "L7", "node/storage/accounts.py", "if known is not None and (known.password", "if False and (known.password"
    ),
    Protection(
        "L7", "node/storage/accounts.py", "tokens.expires_at.is_(None) | (tokens.expires_at > now)", "tokens.id > 0"
    ),
    Protection("L8", "node/storage/accounts.py", "if idle_seconds < math.inf:", "if False:"),
    Protection("L10", "node/dashboard/guard.py", "_HOST.fullmatch(host)", "_HOST.match(host)"),
    Protection("L11", "node/storage/ledger/deliveries.py", ".where(jobs.destination.in_(by))", ""),
    Protection("L12", "node/storage/archive.py", " or free_files(root) < reserve_files", ""),
    Protection("L12", "node/watching/self_test.py", "if more_files < _ENOUGH_FREE_FILES:", "if False:"),
)
STAYS = {"L9"}  # the page says why
TESTS = {
    number: re.findall(r"`([\w/]+\.py::\w+)`", line)
    for line in (DOCS / "findings.md").read_text().splitlines()
    for number in re.findall(r"^\| ([HML]\d+) \|", line)
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file of the checkout that git knows."""
    place = tmp_path_factory.mktemp("without") / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name)
    return place


def test_every_finding_that_was_closed_has_a_protection_to_take_away() -> None:
    assert {each.finding for each in PROTECTIONS} | STAYS == set(TESTS)


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: f"{each.finding}-{Path(each.file).stem}")
def test_without_its_protection_the_finding_is_found_again(protection: Protection, copy: Path) -> None:
    file = copy / protection.file
    whole = file.read_text()
    assert whole.count(protection.lines) == 1, (
        f"{protection.file} has changed: what protects from {protection.finding}?"
    )
    file.write_text(whole.replace(protection.lines, protection.without))
    tests = [f"tests/{each}" for each in TESTS[protection.finding]]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-m",
        "not exhaustive",
        *tests,
    ]
    try:
        told = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    finally:
        file.write_text(whole)
    assert told.returncode == 1 and "FAILED" in told.stdout, told.stdout[-3000:]
