"""`validate` at the speed of a save: measured, not part of the test run (`make bench`)."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.shared import SHARED, needs_shared

pytestmark = [pytest.mark.bench, needs_shared]

PROJECT = 'project = "acme"\nrules = ["rules", "rules_building_block"]\n'
WHOLE, ONE = 1.5, 0.3
"""Seconds of wall time on two idle cores, start-up included (issue 7)."""


@pytest.fixture(scope="module")
def corpus_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the 2,068 live rules of a corpus."""
    root = tmp_path_factory.mktemp("corpus")
    for folder in ("rules", "rules_building_block"):
        shutil.copytree(SHARED / "corpus" / "2026-08" / folder, root / folder)
    shutil.rmtree(root / "rules" / "_deprecated")
    (root / "deployer.toml").write_text(PROJECT, "utf-8")
    return root


def best(root: Path, *words: str) -> tuple[float, float]:
    """Return the least wall and CPU time of five runs; the first one fills the disk cache and Python's."""
    walls, loads = [], []
    for _ in range(5):
        start, load = time.perf_counter(), cpu()
        done = subprocess.run(
            [sys.executable, "-m", "deployer", "validate", *words],
            cwd=root,
            capture_output=True,
            timeout=60,
            check=False,
        )
        walls.append(time.perf_counter() - start)
        loads.append(cpu() - load)
        assert done.returncode == 0, done.stdout[-2000:]
    return min(walls), min(loads)


def cpu() -> float:
    """Return the CPU seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_two_thousand_rules_with_all_queries(corpus_project: Path) -> None:
    """Every rule, every query, every check."""
    rules = len(list(corpus_project.rglob("*.toml"))) - 1
    taken, used = best(corpus_project)
    print(f"validate {rules:,} rules: {taken:.2f} s, CPU {used:.2f} s")
    assert rules == 2068
    assert taken <= WHOLE


def test_one_rule(corpus_project: Path) -> None:
    """One file, as an editor or a hook runs it."""
    path = next(corpus_project.rglob("persistence_appinitdlls_registry.toml"))
    taken, used = best(corpus_project, path.relative_to(corpus_project).as_posix())
    print(f"validate one rule: {taken:.2f} s, CPU {used:.2f} s")
    assert taken <= ONE
