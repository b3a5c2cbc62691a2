"""How many damaged numbers would reach readers unseen: ``python tests/benchmarks/mutations.py [N] [SEED]``.

Mutates N (default 300) random cells of the tables that each chapter reads, one at a time, and reports what a check
refuses, what shows in the facts or in the data of a figure or table, and what nobody sees.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book")]

from mutations import UNSEEN, Chapter  # noqa: E402
from workspace import CHAPTERS  # noqa: E402


def main(number: int = 300, seed: int = 2024) -> None:
    for name in CHAPTERS:
        with tempfile.TemporaryDirectory() as folder:
            chapter = Chapter(name, Path(folder))
            fates: Counter[tuple[str, str]] = Counter()
            for i, mutation in enumerate(itertools.islice(chapter.mutations(seed), number)):
                fate = chapter.fate(mutation, str(i))
                fates[mutation.kind, fate] += 1
                if fate == UNSEEN:
                    print(f"  unseen: {mutation}", flush=True)
        totals = Counter(fate for kind, fate in fates.elements())
        print(f"{name}: {number} mutations, seed {seed}: " + ", ".join(f"{fate} {n} ({100 * n / number:.1f} %)" for fate, n in totals.most_common()))
        for (kind, fate), n in sorted(fates.items()):
            print(f"  {kind}: {fate} {n}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
