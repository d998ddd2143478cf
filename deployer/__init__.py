"""Rules-as-code deployment for Kibana: plan, apply, promote and roll back detection rules."""

__version__ = "0.1.0"
PROGRAM = f"deployer {__version__}"  # what `--version` says
