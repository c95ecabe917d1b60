"""A simulated power cut: what a folder holds when only synced files and synced names survive (see powercut.c)."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def available() -> bool:
    """Whether there is a C compiler to build it with."""
    return shutil.which("gcc") is not None


@dataclass(frozen=True, slots=True)
class Disk:
    """What of a folder is durable, beside it in `shadow`, while processes with this environment work in it."""

    folder: Path
    shadow: Path
    library: Path

    @property
    def environment(self) -> dict[str, str]:
        """For the processes whose syncs count."""
        return {"LD_PRELOAD": str(self.library), "MOME_POWERCUT": str(self.shadow)}

    def begin(self) -> None:
        """Everything that is in the folder now is durable."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        self.shadow.mkdir()
        self.folder.mkdir(parents=True, exist_ok=True)
        for place in (self.folder, *self.folder.rglob("*")):
            kept = self.shadow / str(place.stat().st_ino)
            if place.is_dir():
                names = (
                    f"{'d' if each.is_dir() else 'f'} {each.stat().st_ino} {each.name}" for each in place.iterdir()
                )
                kept.write_text("".join(f"{name}\n" for name in names))
            else:
                shutil.copyfile(place, kept)

    def cut(self) -> None:
        """Leave in the folder what was durable; its processes have been killed."""
        inode = self.folder.stat().st_ino
        lost = self.folder.with_name(self.folder.name + "-lost")
        self.folder.rename(lost)
        self._rebuild(inode, self.folder)
        shutil.rmtree(lost)

    def _rebuild(self, inode: int, place: Path) -> None:
        place.mkdir(mode=0o700)
        names = self.shadow / str(inode)
        for line in names.read_text().splitlines() if names.exists() else ():
            kind, number, name = line.split(" ", 2)
            if kind == "d":
                self._rebuild(int(number), place / name)
            elif (content := self.shadow / number).exists():
                shutil.copyfile(content, place / name)
                (place / name).chmod(0o600)
            else:
                (place / name).touch()  # its name was synced, its content never


def build(folder: Path) -> Path:
    """Compile the library."""
    library = folder / "powercut.so"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library
