"""Who does this, from what: what plans, records, events and messages say of their maker."""

from __future__ import annotations

from deployer import __version__
from deployer.commands.workspace import Workspace
from deployer.core.record import Provenance


def provenance_of(workspace: Workspace, *, stack: str = "", kibana_user: str = "") -> Provenance:
    """Return the provenance of what this run makes. `stack` and `kibana_user` where a Kibana was asked."""
    checkout, surroundings = workspace.checkout, workspace.surroundings
    return Provenance(
        actor=surroundings.actor,
        host=surroundings.host,
        ci_run=surroundings.ci_run_url,
        commit=checkout.commit,
        branch=checkout.branch,
        clean=checkout.clean,
        tool=__version__,
        stack=stack,
        kibana_user=kibana_user,
    )
