"""`mome-node model ...` from a published file to numbers, as someone verifying an installation types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.baseline import plain
from benchmarks.baseline.layout import synthetic_state
from node.cli.main import main
from published_sizes import SMALL_SIZES

VOLUMES = "dce=32x32x32,t2=32x32x16,dwi=32x16x16"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of `mome-node model ...`."""
    with pytest.raises(SystemExit) as ended:
        main(["model", *map(str, words)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    torch.save({"epoch": 1, "state_dict": synthetic_state(SMALL_SIZES)}, tmp_path / "model.th")
    code, out, _ = run(
        capsys, "import", tmp_path / "model.th", "--out", tmp_path / "b", "--sizes", VOLUMES, "--heads", "4", "--json"
    )
    account = json.loads(out)
    assert code == 0
    assert account["ignored"]["epoch"] == "not a weight"
    return tmp_path / "b"


def test_run_prints_the_logits_of_the_plain_model(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "dce": rng.standard_normal((2, 32, 32, 32), dtype=np.float32),
        "dwi": rng.standard_normal((1, 32, 16, 16), dtype=np.float32),
    }
    np.savez(tmp_path / "arrays.npz", **arrays)
    code, out, _ = run(capsys, "run", bundle, tmp_path / "arrays.npz", "--json")
    answer = json.loads(out)["endpoints"]["malignancy"]
    volumes = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    expected = plain.forward(synthetic_state(SMALL_SIZES), volumes, heads=4, sparse_layers=2)[0]
    assert code == 0
    np.testing.assert_allclose(answer["logits"], expected, rtol=1e-4)
    assert answer["probability"] == pytest.approx(expected.softmax(0)[1].item(), abs=1e-6)


def test_an_array_of_another_name_or_shape_is_refused_in_one_line(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", adc=np.zeros((1, 2, 2, 2)))
    assert run(capsys, "run", bundle, tmp_path / "a.npz")[::2] == (
        1,
        "mome-node: a.npz holds 'adc'; the arrays are called dce, t2, dwi\n",
    )
    np.savez(tmp_path / "b.npz", t2=np.random.default_rng(0).standard_normal((1, 32, 32, 32)))
    code, _, err = run(capsys, "run", bundle, tmp_path / "b.npz")
    assert code == 1
    assert "T2: expected a volume ('batch', 1, 32, 32, 16), got (1, 1, 32, 32, 32)" in err


def test_verify_and_show_tell_the_identity_and_a_spoilt_bundle_is_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "verify", bundle, "--json")
    verified = json.loads(out)
    _, out, _ = run(capsys, "show", bundle, "--json")
    assert json.loads(out)["weights"]["sha256"] == verified["sha256"]
    weights = bundle / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code, _, err = run(capsys, "verify", bundle)
    assert code == 1
    assert "its SHA-256 differs" in err
