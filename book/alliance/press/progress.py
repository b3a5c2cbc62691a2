"""Progress of the chapters: a live bar each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time


class Progress:
    """Shows which chapter runs which cell and how long it takes; use as a context manager and call it with events."""

    def __init__(self, chapters: list[str]):
        self._width = max(map(len, chapters))
        self._started: dict[str, float] = {}
        self._live = sys.stderr.isatty()
        self._bars = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for bar in self._bars.values():
            bar.close()

    def __call__(self, chapter: str, event: str, text: str) -> None:
        started = self._started.setdefault(chapter, time.perf_counter())
        seconds = time.perf_counter() - started
        if self._live:
            self._draw(chapter, event, text)
        else:
            print(f"{chapter:<{self._width}}  {seconds:5.1f} s  {text}", flush=True)

    def _draw(self, chapter: str, event: str, text: str) -> None:
        from tqdm import tqdm

        if chapter not in self._bars:
            form = "{desc} {elapsed} {postfix}"
            self._bars[chapter] = tqdm(desc=f"{chapter:<{self._width}}", bar_format=form, position=len(self._bars), leave=True)
        self._bars[chapter].set_postfix_str(text if event == "cell" else f"done in {text}", refresh=True)
