"""YAML, which only detection-rules' `_config.yaml` is written in. The reader is an extra: a project needs it once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployer.errors import DeployerError


def read_yaml(path: Path) -> Any:
    """Return the plain data of one YAML file. Raises DeployerError where it cannot be read, or the extra is missing."""
    try:
        import yaml
    except ImportError as exc:
        raise DeployerError(
            f"{path.name} is YAML, and the extra `migrate` is not installed",
            hint="pip install 'kibana-deployer[migrate]'",
        ) from exc
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise DeployerError(f"cannot read {path}: {exc}", hint="nothing was written") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise DeployerError(f"{where} is not YAML: {getattr(exc, 'problem', exc)}", hint="nothing was written") from exc
