"""
Run a command of deployer under the profiler and print where its processor time goes, in all of its threads:

    python -m tests.bench.profiled plan -e embedded > docs/performance/plan.txt
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import pstats
import sys
import threading
import time

_LINES = 25
_OTHERS: list[cProfile.Profile] = []
_run = threading.Thread.run


def _run_profiled(thread: threading.Thread) -> None:
    profile = cProfile.Profile(time.thread_time)
    _OTHERS.append(profile)
    profile.runcall(_run, thread)


def main() -> None:
    """Profile the command whose words are those of this one."""
    from deployer.cli import main as deployer

    threading.Thread.run = _run_profiled  # type: ignore[method-assign]
    sys.argv[0] = "deployer"
    profile = cProfile.Profile(time.thread_time)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        profile.runcall(deployer)
    stats = pstats.Stats(profile, *_OTHERS)
    print(f"deployer {' '.join(sys.argv[1:])}: processor time of all threads, under the profiler\n")
    stats.strip_dirs().sort_stats("tottime").print_stats(_LINES)
    print("Ours, with what they call\n")
    pstats.Stats(profile, *_OTHERS).sort_stats("cumulative").print_stats(
        "deployer/(commands|core|executor|adapters)", 40
    )


if __name__ == "__main__":
    main()
