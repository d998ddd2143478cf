"""The parts of one embedded Kibana, shared by all requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.sandbox.clock import Clock
from deployer.sandbox.database import Database
from deployer.sandbox.documents import EVERYWHERE, Documents
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.faults import Faults
from deployer.sandbox.kinds import SPACE
from deployer.sandbox.messages import Body
from deployer.sandbox.options import Options
from deployer.sandbox.rule_table import RuleTable
from deployer.sandbox.traffic import Traffic
from deployer.sandbox.users import Users
from deployer.sandbox.versions import Version, parse_version

DEFAULT_SPACE = "default"


@dataclass(slots=True)
class Kibana:
    """State, clock and settings of one server process; handlers reach all of it through `call.kibana`."""

    options: Options
    version: Version
    clock: Clock
    database: Database
    rules: RuleTable
    documents: Documents
    users: Users
    faults: Faults
    traffic: Traffic = field(default_factory=Traffic)
    representation: Body = field(default_factory=dict)

    def has_space(self, space: str) -> bool:
        """Whether the space exists."""
        return space == DEFAULT_SPACE or self.documents.get(SPACE, EVERYWHERE, space) is not None


def open_kibana(options: Options) -> Kibana:
    """
    Open the data file under a stack version and remember that version in it.

    Raises SandboxError for an unknown version or fault, a foreign file, and a file of a later version: saved objects
    migrate upwards only.
    """
    version = parse_version(options.stack_version)
    faults = Faults(options.faults)
    database = Database(options.data)
    written = database.meta("stack")
    if written is not None and parse_version(written) > Version(version.major, version.minor, 99):
        raise SandboxError(
            f"{options.data} was written by Kibana {written} and cannot be opened by {version}; "
            "use a later --stack-version, or `deployer sandbox reset`."
        )
    if written != str(version):
        database.set_meta("stack", str(version))
    database.keep_stale(faults.stale_seconds())
    documents = Documents(database)
    return Kibana(options, version, Clock(), database, RuleTable(database), documents, Users(documents), faults)
