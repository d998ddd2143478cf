"""
The functions that every rule goes through, timed by pyperf in processes of their own, for 100 rules at a time:

    python -m tests.bench.functions --fast -o build/functions.json

`make bench` runs it; the figures stand in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pyperf

from deployer.core.canonical import canonical_json, digest_of_text
from deployer.core.normalise import canonical
from deployer.core.rule_file import read_rule
from deployer.core.text_diff import line_diff
from deployer.core.toml import read
from deployer.core.value_diff import value_changes
from deployer.executor.images import image
from tests.bench.material import rule

_COUNT = 100


def functions() -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: each call works on the same 100 rules."""
    texts = [rule(number) for number in range(_COUNT)]
    files = [file for file in (read_rule("rules/x.toml", text)[0] for text in texts) if file is not None]
    payloads = [dict(file.payload) for file in files]
    forms = [canonical(payload) for payload in payloads]
    bodies = [canonical_json(form) for form in forms]
    others = [{**form, "risk_score": 1, "tags": [*form["tags"], "new"]} for form in forms]
    return {
        "parse TOML": lambda: [read(text) for text in texts],
        "read a rule file": lambda: [read_rule("rules/x.toml", text) for text in texts],
        "canonical form": lambda: [canonical(payload) for payload in payloads],
        "canonical text": lambda: [canonical_json(form) for form in forms],
        "digest": lambda: [digest_of_text(body) for body in bodies],
        "image": lambda: [image(payload) for payload in payloads],
        "difference of two rules": lambda: [value_changes(a, b) for a, b in zip(forms, others, strict=True)],
        "difference of two texts": lambda: [line_diff(text, text.replace("a", "b", 9)) for text in texts],
    }


def main() -> None:
    """Time every function."""
    runner = pyperf.Runner(processes=3, values=3, program_args=("-m", "tests.bench.functions"))
    for name, function in functions().items():
        runner.bench_func(f"{name}, {_COUNT} rules", function)


if __name__ == "__main__":
    main()
