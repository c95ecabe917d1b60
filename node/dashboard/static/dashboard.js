// Small comforts; every page works without them.
"use strict";

function words(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || (unit === "s" && !parts.length)) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

function tick() {
  const now = Date.now() / 1000;
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Number(each.dataset.until) - now;
    each.textContent = left > 0 ? `in ${words(left)}` : "now";
  }
}

function step(forward) {
  const links = [...document.querySelectorAll("[data-keys] tbody th a")];
  if (!links.length) return;
  const here = links.indexOf(document.activeElement);
  const next = here < 0 ? 0 : Math.min(links.length - 1, Math.max(0, here + (forward ? 1 : -1)));
  links[next].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, canvas")) return;
  if (event.key === "/" && document.getElementById("find")) {
    event.preventDefault();
    document.getElementById("find").focus();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j");
  }
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.textContent = "Copied";
  }
});

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.confirm;
  if (asked && !window.confirm(asked)) event.preventDefault();
});

// What somebody has folded open or shut stays so while the page renews itself.
const folds = new Map();

document.addEventListener("toggle", (event) => {
  if (event.target.id) folds.set(event.target.id, event.target.open);
}, true);

document.addEventListener("htmx:after:swap", () => {
  for (const [id, isOpen] of folds) {
    const fold = document.getElementById(id);
    if (fold && fold.open !== isOpen) fold.open = isOpen;
  }
});

// A page that cannot be refreshed says so; one whose session has ended goes to the login.
function fresh(isFresh) {
  document.getElementById("stale").hidden = isFresh;
}

document.addEventListener("htmx:before:response", (event) => {
  const status = event.detail.ctx.response.status;
  if (status === 401) window.location.reload();
  if (status >= 400) event.preventDefault();
  fresh(status < 400);
});

document.addEventListener("htmx:error", () => fresh(false));

setInterval(tick, 1000);
