"""A copy of the project beside offices of its own, and a way to run a feed in this process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from alliance.data import Package
from alliance.feeds.update import Options, update
from alliance.press.project import Project
from offices import Comtrade, WorldBank
from workspace import ROOT, tree_bytes


@dataclass
class Ran:
    code: int
    out: str
    err: str


class Desk:
    """Where the updating is done: the project's copy and its two offices."""

    def __init__(self, root: Path, capsys):
        self.root, self.data, self.out = root, root / "data", root / "_build"
        self.bank, self.comtrade = WorldBank(self.data), Comtrade(self.data)
        self._capsys = capsys

    def update(self, feed: str = "worldbank", **options) -> Ran:
        self._capsys.readouterr()
        if feed == "comtrade":
            options = {"since": 2021} | options
        code = update(Project(self.root, self.out), [feed], Options(**options))
        said = self._capsys.readouterr()
        return Ran(code, said.out, said.err)

    def bytes(self) -> dict[str, bytes]:
        return tree_bytes(self.data)

    def package(self) -> Package:
        return Package(self.data)

    def answers(self, feed: str) -> list[Path]:
        return sorted((self.out / "feeds" / feed).glob("*.body"))


@pytest.fixture(autouse=True)
def _straight(monkeypatch):
    """To the local servers without a proxy, whatever the machine is set to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch):
    shutil.copytree(ROOT / "data", tmp_path / "project" / "data")
    made = Desk(tmp_path / "project", capsys)
    monkeypatch.setenv("ALLIANCE_WORLDBANK_URL", made.bank.url)
    monkeypatch.setenv("ALLIANCE_COMTRADE_URL", made.comtrade.url)
    monkeypatch.setenv("ALLIANCE_FEED_PAUSE", "0")
    monkeypatch.delenv("ALLIANCE_COMTRADE_KEY", raising=False)
    yield made
    made.bank.close()
    made.comtrade.close()
