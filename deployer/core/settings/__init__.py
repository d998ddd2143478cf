"""
What the settings files say, as values: `deployer.toml` and `environments/*.toml`, parsed and checked.

Nothing here reads a file: `adapters.environments` hands in parsed TOML and a way to find the place of a value.
"""

from deployer.core.settings.environment import PROJECT_FILE, Given, read_settings
from deployer.core.settings.nodes import Keys, Locate, SettingsFile
from deployer.core.settings.reading import parse_duration
from deployer.core.settings.targets import select_targets

__all__ = [
    "PROJECT_FILE",
    "Given",
    "Keys",
    "Locate",
    "SettingsFile",
    "parse_duration",
    "read_settings",
    "select_targets",
]
