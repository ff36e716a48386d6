// Opens reports in a headless browser: node browser.mjs NODE_MODULES BROWSER FOLDER REPORT…
// Every report is opened from disk, light and dark, narrow and wide; screenshots go to FOLDER. Ends
// with "N passed, N failed".
import { createRequire } from "node:module";
import { statSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, browserPath, folder, ...reports] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

let passed = 0, failed = 0;
const check = (good, what) => {
  if (good) { passed += 1; } else { failed += 1; console.log(`FAILED  ${what}`); }
};

const looks = [
  { name: "wide-light", width: 1440, height: 900, colorScheme: "light" },
  { name: "wide-dark", width: 1440, height: 900, colorScheme: "dark" },
  { name: "narrow-light", width: 360, height: 740, colorScheme: "light" },
  { name: "narrow-dark", width: 360, height: 740, colorScheme: "dark" },
];

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
for (const report of reports) {
  const name = basename(report, ".html");
  check(statSync(report).size < 3_000_000, `${name}: ${statSync(report).size} bytes, not below 3 MB`);
  for (const look of looks) {
    const title = `${name} ${look.name}`;
    const context = await browser.newContext({ viewport: { width: look.width, height: look.height },
      colorScheme: look.colorScheme, offline: true });
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") complaints.push(m.text()); });
    page.on("pageerror", (e) => complaints.push(String(e)));
    page.on("request", (r) => { if (!/^(file|data):/.test(r.url())) complaints.push(`asks for ${r.url()}`); });
    await page.goto(pathToFileURL(resolve(report)).href);
    const charts = await page.locator(".chart").count();
    check(charts > 0, `${title}: no chart`);
    const drawn = await page.evaluate(() => [...document.querySelectorAll(".chart")].map((c) => ({
      marks: c.querySelectorAll("svg path, svg rect, svg text, svg circle").length,
      width: c.querySelector("svg")?.getBoundingClientRect().width ?? 0, label: c.getAttribute("aria-label"),
      bad: /NaN|undefined|null/.test(c.querySelector("svg")?.outerHTML ?? ""), text: c.textContent.length })));
    for (const c of drawn) {
      check(c.marks > 5 && c.width > 200 && c.text > 0 && !c.bad, `${title}: not drawn (${JSON.stringify(c)})`);
    }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `${title}: ${over} px wider than the window`);
    await page.screenshot({ path: join(folder, `${name}-${look.name}.png`), fullPage: true });
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const serious = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
    check(serious.length === 0, `${title}: ${serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).slice(0, 3).join(" | ")}`).join("; ")}`);
    check(complaints.length === 0, `${title}: console: ${complaints.slice(0, 3).join("; ")}`);
    if (look.name === "wide-light") {
      const pdf = await page.pdf({ path: join(folder, `${name}.pdf`), format: "A4" });
      check(pdf.length > 10_000, `${title}: printed ${pdf.length} bytes`);
    }
    await context.close();
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
