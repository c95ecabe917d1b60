"""A Ray cluster of several hosts on this machine: a raylet of its own for each, as on hosts of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from places import ROOT

_SMALL = {"object_store_memory": 80 * 1024**2}  # no pixels travel: a third of the memory for each host is not needed


@contextmanager
def ray_hosts(hosts: int, **resources: float) -> Iterator[Any]:
    """A head without work, and hosts of one processor each (and more resources, such as num_gpus)."""
    from ray.cluster_utils import Cluster

    with patch.dict(os.environ, {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}"}):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **_SMALL})
        try:
            for _ in range(hosts):
                cluster.add_node(num_cpus=1, **_SMALL, **resources)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            cluster.shutdown()
