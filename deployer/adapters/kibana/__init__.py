"""
Kibana: the only code that speaks HTTP. `connect` opens one space; the rest is reached through what it returns.

    opening      connect: checks, headers, the parts put together   variables   proxy and CA of the environment
    reading      KibanaReader: RuleReader, and what `doctor` asks for
    writing      KibanaWriter: RuleWriter
    lists        exception lists and value lists
    finding      bulk reads of rules          paging   all pages, complete or an error
    session      retries, deadlines, counts   limiter  how many at once     crew   worker threads
    words        answers to errors            shapes   answers to values    redaction, credentials, kql
    wire         requests and urllib3         explain  their exceptions     tls    certificates

Importing this package imports neither requests nor urllib3; `connect` does.
"""

from deployer.adapters.kibana.credentials import Secrets
from deployer.adapters.kibana.opening import API_VERSION, connect, get_ready
from deployer.adapters.kibana.reading import KibanaReader
from deployer.adapters.kibana.variables import with_variables
from deployer.adapters.kibana.writing import FLIP_BATCH, KibanaWriter
from deployer.core.settings.addresses import is_loopback

__all__ = [
    "API_VERSION",
    "FLIP_BATCH",
    "KibanaReader",
    "KibanaWriter",
    "Secrets",
    "connect",
    "get_ready",
    "is_loopback",
    "with_variables",
]
