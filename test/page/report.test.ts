// The report's page in a real Chromium: it opens quietly and asks nobody for anything, a block says what it is, lines and blocks lead to
// each other, and nothing runs over at narrow and wide widths, light and dark.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { comparisonPage, reportPage } from "../../runtime/cli/page.ts";
import { planRecipe, type Planned } from "../../runtime/cli/plan-recipe.ts";
import { fixtures, temporaryFolder } from "../cli/run.ts";
import { openBrowser } from "./browser.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
}, 60_000);
afterAll(() => browser.close());

const recipe = join(fixtures, "cli/good.ftl");
const full = join(fixtures, "recipes/gpt2-full.ftl");

async function planned(path: string, memory?: number): Promise<readonly Planned[]> {
  const quiet = { out: () => undefined, err: () => undefined } as unknown as Parameters<typeof planRecipe>[3];
  const made = await planRecipe(path, { memory }, false, quiet);
  if (typeof made === "number") throw new Error(`no plan of ${path}`);
  return made;
}

interface Opened {
  readonly page: Page;
  /** Errors of the console and of scripts, and requests for anything but the page itself. */
  readonly noise: string[];
}

async function open(html: string, width = 1440, colorScheme: "light" | "dark" = "light"): Promise<Opened> {
  const file = join(temporaryFolder(), "report.html");
  writeFileSync(file, html);
  const url = pathToFileURL(file).href;
  const page = await browser.newPage({
    viewport: { width, height: 900 },
    colorScheme,
    reducedMotion: "reduce",
  });
  const noise: string[] = [];
  page.on("console", (message) => noise.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => noise.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) noise.push(request.url());
  });
  await page.goto(url);
  await page.locator("#memory .front").waitFor();
  return { page, noise };
}

test("it opens without a word or a request, and what points outside is forbidden", async () => {
  const { page, noise } = await open(
    reportPage({ path: recipe, planned: await planned(recipe), repairs: [] }),
  );
  expect(noise).toEqual([]);
  expect(await page.locator("h1").textContent()).toBe("goodfits");
  expect(await page.locator("h2").allTextContents()).toEqual(
    expect.arrayContaining([
      "At the peak",
      "Memory over the step",
      "The fused graph",
      "Kernels",
      "Decisions",
      "Checks",
    ]),
  );
  const reached = await page.evaluate(() =>
    fetch("https://example.org").then(
      () => true,
      () => false,
    ),
  );
  expect(reached).toBe(false);
  expect(noise.join(" ")).toContain("Content Security Policy");
  await page.close();
});

test("a block says what it is, and leads to its lines; a line leads to its blocks, kernels and decisions", async () => {
  const { page, noise } = await open(reportPage({ path: full, planned: await planned(full), repairs: [] }));
  const front = page.locator("#memory .front");
  const position = await widest(page);
  await front.hover({ position });
  const tip = page.locator(".tip");
  await tip.waitFor();
  const words = await tip.innerText();
  for (const term of ["bytes", "type", "offset", "lives", "recipe"]) expect(words).toContain(`\n${term}`);
  expect(words).toMatch(/\d MiB \([\d,]+ bytes\)/);
  expect(words).toContain("batch");
  expect(await litLines(page)).toEqual([4, 5, 6, 7]);

  await front.click({ position });
  await page.mouse.move(2, 2);
  expect(await litLines(page)).toEqual([4, 5, 6, 7]);
  expect(await page.locator(".detail").innerText()).toContain("lives");
  await page.locator("[data-line='8'] button").click();
  await page.mouse.move(2, 2);
  expect(await litLines(page)).toEqual([8]);
  expect(await page.locator(".told").innerText()).toMatch(
    /^Line 8: [\d.]+ MiB at the peak, \d+ buffers, \d+ kernels\.$/,
  );
  expect(await page.locator("#kernels tr.lit").count()).toBeGreaterThan(0);
  expect(await page.locator("#kernels tr.dim").count()).toBeGreaterThan(0);
  await page.locator("[data-line='7'] button").click();
  await page.mouse.move(2, 2);
  expect(await page.locator(".decisions li.lit").innerText()).toContain("checkpoint: every 1");
  expect(noise).toEqual([]);
  await page.close();
});

test("with the keyboard: through the step, through memory, to the line; tables sort; layers open", async () => {
  const { page, noise } = await open(reportPage({ path: full, planned: await planned(full), repairs: [] }));
  await page.locator("#memory .front").focus();
  await page.keyboard.press("p");
  await page.keyboard.press("ArrowUp");
  expect(await page.locator(".detail").innerText()).toContain("micro, dispatch");
  expect(await litLines(page)).not.toEqual([]);
  await page.keyboard.press("Escape");
  expect(await litLines(page)).toEqual([]);

  const cells = (at: number): Promise<string[]> =>
    page.locator(`#kernels tbody tr > :nth-child(${at})`).allTextContents();
  const counts = page.locator("#kernels thead button", { hasText: "dispatches" });
  await counts.click();
  const sorted = (await cells(3)).map(Number);
  expect(sorted).toEqual(sorted.toSorted((a, b) => b - a));
  await counts.press("Enter");
  expect((await cells(3)).map(Number)).toEqual(sorted.toReversed().toSorted((a, b) => a - b));

  const layers = page.locator(".fold", { hasText: "transformer.h.0 … 11" });
  await layers.locator("summary").press("Enter");
  const rows = layers.locator(".row");
  await rows.first().waitFor();
  expect(await rows.count()).toBeGreaterThan(5);
  await rows.nth(3).focus();
  expect(await layers.locator("path.on").count()).toBeGreaterThan(0);
  expect(noise).toEqual([]);
  await page.close();
});

const folder = dirname(full);
test.each([
  [390, "light"],
  [390, "dark"],
  [1440, "light"],
  [1440, "dark"],
] as const)("nothing runs over at %i pixels in %s, fitting, refused or compared", async (width, scheme) => {
  const [fits, refused] = [await planned(recipe), await planned(recipe, 65_536)];
  const pages = [
    reportPage({ path: recipe, planned: fits, repairs: [] }),
    reportPage({ path: recipe, planned: refused, repairs: [] }),
    comparisonPage(
      { path: recipe, planned: fits, repairs: [] },
      { path: recipe, planned: refused, repairs: [] },
      "A\nB",
    ),
  ];
  for (const [at, html] of pages.entries()) {
    const { page, noise } = await open(html, width, scheme);
    // As text: tests are checked without a DOM in reach.
    const [content, window, colour] = await page.evaluate<readonly [number, number, string]>(
      "[document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor]",
    );
    expect(content).toBeLessThanOrEqual(window);
    const [red = 0] = /\d+/.exec(colour)?.map(Number) ?? [];
    expect(red < 128).toBe(scheme === "dark");
    expect(await page.locator("#refusal").count()).toBe(at === 1 ? 1 : 0);
    expect(noise).toEqual([]);
    await page.close();
  }
});

test("the page of a plan with many dispatches stays small", async () => {
  const html = reportPage({ path: full, planned: await planned(full), repairs: [] });
  expect(html.length).toBeLessThan(250_000);
  expect(readFileSync(join(folder, "gpt2-full.ftl"), "utf8").length).toBeLessThan(html.length);
});

/** A place in the map where the widest passing block stands, by asking around on a grid. */
async function widest(page: Page): Promise<{ x: number; y: number }> {
  const box = await page.locator("#memory .front").boundingBox();
  if (box === null) throw new Error("the map is to be seen");
  for (let y = box.height * 0.3; y < box.height * 0.8; y += 5) {
    await page.locator("#memory .front").hover({ position: { x: box.width / 2, y } });
    if (await page.locator(".tip").isVisible()) return { x: box.width / 2, y };
  }
  throw new Error("no block was met");
}

function litLines(page: Page): Promise<number[]> {
  return page
    .locator(".recipe li.lit")
    .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute("data-line"))));
}
