"""The key of the search: equal terms have equal digests, and nothing can be read or tried without the key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from node.errors import SettingsError
from node.search_key import SearchKey, TermKind

ONE, OTHER = SearchKey("11" * 32), SearchKey("22" * 32)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "search.key"
    made = SearchKey.open(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SearchKey.open(file).fingerprint == made.fingerprint
    assert list(tmp_path.iterdir()) == [file]
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        SearchKey.open(file)


def test_a_digest_depends_on_key_kind_and_term() -> None:
    digest = ONE.digest(TermKind.NAME, "muster")
    assert digest == SearchKey("11" * 32).digest(TermKind.NAME, "muster")
    others = {
        OTHER.digest(TermKind.NAME, "muster"),
        ONE.digest(TermKind.PATIENT_ID, "muster"),
        ONE.digest(TermKind.NAME, "mustermann"),
    }
    assert digest not in others
    assert len(others) == 3
    assert -(2**63) <= digest < 2**63


def test_what_is_sealed_is_read_with_the_same_key_only() -> None:
    sealed = ONE.seal("MUSTER^ANNA")
    assert "MUSTER" not in sealed
    assert sealed != ONE.seal("MUSTER^ANNA"), "equal names are not seen to be equal"
    assert ONE.unseal(sealed) == "MUSTER^ANNA"
    for damaged in (sealed[:-8], "not base64!", "", "AAAA"):
        assert ONE.unseal(damaged) == ""
    assert OTHER.unseal(sealed) == ""


def test_a_fingerprint_names_the_key_without_giving_it_away() -> None:
    assert ONE.fingerprint != OTHER.fingerprint
    assert "11" * 4 not in ONE.fingerprint
