"""The baseline of the benchmarks is the oracle of the model's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
