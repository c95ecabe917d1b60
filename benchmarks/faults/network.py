"""A network of hosts: namespaces of the kernel, each with an address and a name of its own, on one bridge.

Without root, or where the kernel has no namespaces, all hosts share loopback: then none can be cut off.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ports import free_port

_DICOM_PORT = 11112


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Network:
    """Hosts `0 .. count - 1`; `bridge`: the name of the bridge, empty on loopback."""

    bridge: str
    number: int

    @property
    def gateway(self) -> str:
        """Where PACS and database are."""
        return f"10.77.{self.number}.1" if self.bridge else "127.0.0.1"

    def address(self, host: int) -> str:
        return f"10.77.{self.number}.{10 + host}" if self.bridge else "127.0.0.1"

    def port(self) -> int:
        return _DICOM_PORT if self.bridge else free_port()

    def within(self, host: int) -> list[str]:
        """The beginning of a command that runs on this host."""
        if not self.bridge:
            return []
        named = f'hostname {self._namespace(host)}; exec "$@"'
        return ["unshare", "--uts", "sh", "-c", named, "sh", "ip", "netns", "exec", self._namespace(host)]

    def cut(self, host: int) -> None:
        """Nothing reaches this host any more, and nothing leaves it; nobody is told."""
        _run("ip", "link", "set", self._link(host), "down")

    def heal(self, host: int) -> None:
        _run("ip", "link", "set", self._link(host), "up")

    def _namespace(self, host: int) -> str:
        return f"{self.bridge}-h{host}"

    def _link(self, host: int) -> str:
        return f"{self.bridge}v{host}"

    def make(self, count: int) -> bool:
        """Bridge, namespaces and their links; False where that is not possible here."""
        made = _run("ip", "link", "add", self.bridge, "type", "bridge")
        made = made and _run("ip", "addr", "add", f"{self.gateway}/24", "dev", self.bridge)
        made = made and _run("ip", "link", "set", self.bridge, "up")
        return made and all(self._add(host) for host in range(count))

    def _add(self, host: int) -> bool:
        space, link = self._namespace(host), self._link(host)
        inside = ("ip", "netns", "exec", space, "ip")
        return (
            _run("ip", "netns", "add", space)
            and _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
            and _run("ip", "link", "set", link, "master", self.bridge, "up")
            and _run(*inside, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
            and _run(*inside, "link", "set", "eth0", "up")
            and _run(*inside, "link", "set", "lo", "up")
        )

    def remove(self, count: int) -> None:
        for host in range(count):
            _run("ip", "netns", "del", self._namespace(host))
            _run("ip", "link", "del", self._link(host))
        _run("ip", "link", "del", self.bridge)


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many hosts until the block ends."""
    number = os.getpid() % 250 + 1
    made = Network(f"mf{number}", number)
    try:
        if os.geteuid() == 0 and made.make(count):
            yield made
        else:
            yield Network("", number)
    finally:
        if os.geteuid() == 0:
            made.remove(count)
