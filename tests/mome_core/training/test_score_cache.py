"""Answers are kept: the same network asked the same gives what it gave, and anything else is asked anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Endpoint
from mome_core.training.score_cache import pooled_log_odds
from training_examples import examples


def test_a_case_is_answered_once_and_to_the_last_digit(folder: Path, trained: Checkpoint, tmp_path: Path) -> None:
    (case,) = examples(folder, 1, first=400)
    first = pooled_log_odds(trained, case, tmp_path, every_coalition=True)
    (kept,) = tmp_path.glob("*.json")
    written = kept.stat().st_mtime_ns
    assert pooled_log_odds(trained, case, tmp_path, every_coalition=True) == first
    assert pooled_log_odds(trained, case, None, every_coalition=True) == first
    assert kept.stat().st_mtime_ns == written and len(first[Endpoint.MALIGNANCY]) == 7


def test_another_case_network_question_or_number_of_threads_is_asked_anew(
    folder: Path, trained: Checkpoint, tmp_path: Path
) -> None:
    one, other = examples(folder, 2, first=400)
    pooled_log_odds(trained, one, tmp_path, every_coalition=False)
    pooled_log_odds(trained, other, tmp_path, every_coalition=False)
    pooled_log_odds(trained, one, tmp_path, every_coalition=True)
    weights = {**trained.manifest["weights"], "sha256": "0" * 64}
    retrained = replace(trained, manifest={**trained.manifest, "weights": weights})
    pooled_log_odds(retrained, one, tmp_path, every_coalition=True)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        pooled_log_odds(trained, one, tmp_path, every_coalition=True)
    finally:
        torch.set_num_threads(threads)
    assert len(list(tmp_path.glob("*.json"))) == 5


def test_a_cache_that_is_damaged_is_no_answer(folder: Path, trained: Checkpoint, tmp_path: Path) -> None:
    (case,) = examples(folder, 1, first=400)
    first = pooled_log_odds(trained, case, tmp_path, every_coalition=False)
    (kept,) = tmp_path.glob("*.json")
    kept.write_text("{")
    assert pooled_log_odds(trained, case, tmp_path, every_coalition=False) == first
