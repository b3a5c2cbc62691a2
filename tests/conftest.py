"""What the tests share: the book built once, and fresh copies of the project."""

from __future__ import annotations

import pytest
from workspace import Workspace, copy_project, small_project


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Workspace:
    """The real book, built once; tests only read it."""
    workspace = copy_project(tmp_path_factory.mktemp("book") / "project")
    workspace.build()
    return workspace


@pytest.fixture
def project(tmp_path) -> Workspace:
    """A copy of the project that the test may change; not built."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def small(tmp_path) -> Workspace:
    return small_project(tmp_path / "small")
