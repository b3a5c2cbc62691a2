"""What the tests share: the book built once, and fresh copies of the project."""

from __future__ import annotations

import fcntl
import os

import pytest
from workspace import Workspace, copy_project, small_project


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Workspace:
    """The real book, built once for all processes of the run; tests only read it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with open(folder / "book.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        workspace = Workspace(folder / "book")
        if not workspace.html.exists():
            copy_project(workspace.root).build()
    return workspace


@pytest.fixture
def project(tmp_path) -> Workspace:
    """A copy of the project that the test may change; not built."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def small(tmp_path) -> Workspace:
    return small_project(tmp_path / "small")
