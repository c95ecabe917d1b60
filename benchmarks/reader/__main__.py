"""Make the cases, have a reader answer them, score the answers.

python -m benchmarks.reader make DIR [CASE ...]     all cases, or some by name
python -m benchmarks.reader answer READER DIR       goes on where it was stopped
python -m benchmarks.reader score DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.reader import score
from benchmarks.reader.answers import READERS, answer
from benchmarks.reader.cases import all_cases, make


def main(words: list[str]) -> None:
    """One of the three commands; SystemExit says what they are."""
    match words:
        case ["make", folder, *names]:
            for case in make(Path(folder), [each for each in all_cases() if not names or each.name in names]):
                print(case.name, flush=True)
        case ["answer", reader, folder] if reader in READERS:
            print(f"{len(list(answer(reader, Path(folder))))} cases answered by {reader}")
        case ["score", folder]:
            score.main(Path(folder))
        case _:
            sys.exit(f"{__doc__}\nREADER is one of {', '.join(READERS)}")


if __name__ == "__main__":
    main(sys.argv[1:])
