// Drives OHIF as a reader does and prints what was seen as one JSON object.
//   node ohif_driver.mjs JOB.json      JOB: {url, study, chromium, arguments, modules, shots, open: [{name, series, confirm, settle, scroll, away}]}
// Every step has a deadline: a page that hangs fails instead of stalling.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(job.modules + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: job.chromium, args: job.arguments, headless: true });
const page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();
const seen = { series: [], opened: {}, errors: [] };
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.setDefaultTimeout(60000);

// A fresh viewer for every step: OHIF keeps window and colours of what was shown before.
async function enter() {
  await page.goto(`${job.url}/viewer?StudyInstanceUIDs=${job.study}`);
  const entries = page.locator("[data-cy^='study-browser-thumbnail']");
  await entries.first().waitFor();
  await page.waitForTimeout(4000);
  const skip = page.getByText("Skip all").first();
  if (await skip.isVisible().catch(() => false)) await skip.click();
  return entries;
}

// What is seen without scrolling.
const onScreen = () => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), words = [];
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (box.height && box.top >= 0 && box.bottom <= innerHeight) words.push(walker.currentNode.textContent.trim());
  }
  return words.join(" ");
};

// The slice shown at first, after scrolling away from it, and after a click on the measurement's arrow.
async function jumpBack(turns) {
  const slice = () => page.locator("[data-cy='viewport-overlay-bottom-right']").first().innerText();
  const series = () => page.locator("[data-cy='viewport-overlay-top-left']").first().innerText();
  const first = await slice();
  for (let turn = 0; turn < turns; turn += 1) {
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(300);
  }
  const away = await slice();
  await page.locator("[data-cy='viewport-action-arrows-right']").first().click();
  await page.waitForTimeout(3000);
  return { first, away, back: await slice(), series: await series() };
}

async function open(step) {
  await enter();
  const entry = page.locator("[data-cy^='study-browser-thumbnail']").filter({ hasText: step.series }).first();
  await entry.scrollIntoViewIfNeeded();
  await entry.dblclick();
  if (step.confirm) {
    const yes = page.getByText("Yes", { exact: true }).first();
    await yes.waitFor({ timeout: 30000 });
    await yes.click();
  }
  await page.waitForTimeout(step.settle ?? 5000);
  for (let turns = step.scroll ?? 0; turns > 0; turns -= 1) {
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(150);
  }
  const jumped = step.away ? await jumpBack(step.away) : null;
  const shot = `${job.shots}/${step.name}.png`;
  await page.screenshot({ path: shot });
  seen.opened[step.name] = { shot, text: await page.locator("body").innerText(), onScreen: await page.evaluate(onScreen), jumped };
}

// The viewport grid as a hanging protocol laid it out: how many panes, and what their corners say.
async function hang() {
  const started = Date.now();
  await page.goto(`${job.url}/viewer?StudyInstanceUIDs=${job.study}&hangingprotocolId=${encodeURIComponent(job.hang)}`);
  const panes = page.locator("[data-cy='viewport-pane']");
  await panes.nth(job.panes - 1).waitFor();
  const seconds = (Date.now() - started) / 1000;
  await page.waitForTimeout(15000);
  const skip = page.getByText("Skip all").first();
  if (await skip.isVisible().catch(() => false)) await skip.click();
  const shot = `${job.shots}/hanging.png`;
  await page.screenshot({ path: shot });
  seen.hung = { shot, seconds, panes: await panes.allInnerTexts() };
}

try {
  if (job.hang) await hang().catch(async (error) => {
    seen.hung = { failed: String(error) };
    await page.screenshot({ path: `${job.shots}/hanging-failed.png` });
  });
  else seen.series = await (await enter()).allInnerTexts();
  for (const step of job.open) {
    await open(step).catch(async (error) => {
      seen.opened[step.name] = { failed: String(error) };
      await page.screenshot({ path: `${job.shots}/${step.name}-failed.png` });
    });
  }
} finally {
  console.log(JSON.stringify(seen));
  await browser.close();
}
