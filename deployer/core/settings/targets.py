"""Which targets `-e` means."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core.environment import Environment
from deployer.core.selector import compile_glob
from deployer.core.suggestion import did_you_mean
from deployer.errors import DeployerError, UsageError


def select_targets(environments: Sequence[Environment], patterns: Sequence[str]) -> tuple[Environment, ...]:
    """
    Return the targets that any of the patterns selects, each once, in the order of `environments`.

    A pattern is the name of an environment (all its targets), or `ENV/SPACE`; both parts take globs. Raises UsageError
    without any pattern, DeployerError for a pattern that selects nothing, naming what there is.
    """
    if not patterns:
        raise UsageError("no environment was named", hint=f"add -e ENV; {_known(environments)}")
    chosen: set[str] = set()
    for pattern in patterns:
        found = {environment.target for environment in environments if _selects(pattern, environment)}
        if not found:
            raise _unknown(pattern, environments)
        chosen |= found
    return tuple(environment for environment in environments if environment.target in chosen)


def _selects(pattern: str, environment: Environment) -> bool:
    name, slash, space = pattern.partition("/")
    return compile_glob(name)(environment.name) and (not slash or compile_glob(space)(environment.space))


def _unknown(pattern: str, environments: Sequence[Environment]) -> DeployerError:
    what = "no environment matches" if any(sign in pattern for sign in "*?[") else "there is no environment"
    names = {environment.target for environment in environments} | {environment.name for environment in environments}
    meant = did_you_mean(pattern, names) if names else ""
    hint = f"{meant} {_known(environments)}" if meant.startswith("did") else _known(environments)
    return DeployerError(f'{what} "{pattern}"', hint=hint)


def _known(environments: Sequence[Environment]) -> str:
    targets = [environment.target for environment in environments]
    return (
        f"known: {', '.join(targets)}" if targets else "the folder environments has no file for one; see deployer init"
    )
