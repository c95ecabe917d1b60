"""The command that runs the node."""

from __future__ import annotations

from node.cli.options import Config
from node.logs import configure_logs
from node.service.serve import serve as run
from node.settings import load_settings


def serve(config: Config = None) -> None:
    """Run the node: receive, analyse, deliver, until Ctrl-C or SIGTERM.

    Example: mome-node serve --config mome-node.toml
    """
    configure_logs("serve")
    run(load_settings(config), config)
