"""The viewer dwv (npm) in a real browser: which voxels it makes of an object. Nothing here is part of the product."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from places import ROOT
from ports import serving

DWV = "dwv@0.36.4"
CACHE = ROOT / ".cache" / "dwv"
CHROMIUM = shutil.which("chromium")
_PAGE = """<!doctype html><meta charset="utf-8"><div id="layerGroup0" style="width:400px;height:400px"></div>
<script src="/npm/konva/konva.min.js"></script><script src="/npm/jszip/dist/jszip.min.js"></script>
<script src="/npm/magic-wand-tool/dist/magic-wand.js"></script>
<script type="importmap">{"imports": {
  "konva": "data:text/javascript,export default window.Konva",
  "jszip": "data:text/javascript,export default window.JSZip",
  "magic-wand-tool": "data:text/javascript,export default window.MagicWand"
}}</script>"""
_READ = """async ([source, object]) => {
  const dwv = await import("/npm/dwv/dist/dwv.min.js");
  const app = new dwv.App();
  app.init(new dwv.AppOptions({"*": [new dwv.ViewConfig("layerGroup0")]}));
  const load = (urls) => new Promise((resolve, reject) => {
    app.addEventListener("error", (event) => reject(String(event.error ?? event.message)));
    app.addEventListener("load", (event) => event.dataid === id && resolve(id));
    const id = app.loadURLs(urls);
  });
  if (source.length) await load(source);
  const image = app.getImage(await load([object]));
  const geometry = image.getGeometry();
  return {
    size: geometry.getSize().getValues(),
    origins: geometry.getOrigins().map((each) => [each.getX(), each.getY(), each.getZ()]),
    values: await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1]);
      reader.readAsDataURL(new Blob([Float32Array.from(image.getBuffer())]));
    }),
  };
}"""


def available() -> bool:
    """Whether browser and npm are here (dwv itself comes from npm on first use)."""
    return CHROMIUM is not None and shutil.which("npm") is not None


def _packages() -> Path:
    """Folder of the viewer and what it imports, fetched from npm once."""
    packages = CACHE / "node_modules"
    if not (packages / "dwv").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-save", "--prefix", str(CACHE), DWV]
        subprocess.run(install, check=True, capture_output=True)
    return packages


class _Site(SimpleHTTPRequestHandler):
    """The folder of objects, and the viewer under /npm/."""

    def translate_path(self, path: str) -> str:
        if path.startswith("/npm/"):
            return str(_packages() / path.removeprefix("/npm/"))
        return super().translate_path(path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """The browser asks for every image."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What dwv holds of one object.

    Parameters
    ----------
    planes
        (plane, row, column), in the order that dwv gives them.
    positions_mm
        One for each plane; of a parametric map dwv 0.36 reads none, and gives one at the origin.
    """

    planes: NDArray[np.float32]
    positions_mm: NDArray[np.float64]


def loaded_by_dwv(folder: Path, source: Sequence[Path], file: Path) -> Loaded:
    """An object as dwv holds it after it has loaded the series that the object lies on.

    Parameters
    ----------
    folder
        Holds `source` and `file`; all of it is served on loopback.
    """
    read = _read(folder, [str(each.relative_to(folder)) for each in source], str(file.relative_to(folder)))
    columns, rows = read["size"][:2]
    values = np.frombuffer(base64.b64decode(read["values"]), dtype="<f4")
    return Loaded(values.reshape(-1, rows, columns), np.array(read["origins"]))


def _read(folder: Path, source: list[str], name: str) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    _packages()  # here, or each of a page's requests would install it
    (folder / "index.html").write_text(_PAGE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Site, directory=str(folder)))
    base = f"http://127.0.0.1:{server.server_port}/"
    with serving(server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{base}index.html", timeout=240_000)
        read: dict[str, Any] = page.evaluate(_READ, [[base + each for each in source], base + name])
        browser.close()
    return read
