// Opens traces in a reader of the format: node trace.mjs NODE_MODULES BROWSER TRACE…
// speedscope reads them in a headless browser and must not complain; what Perfetto's importer counts
// as an error (overlapping slices, arrows outside of a slice, ends without a beginning) is counted
// here by its rules (perfetto: json_trace_parser_impl.cc, slice_tracker.cc, flow_tracker.cc).
// Ends with "N passed, N failed".
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, browserPath, ...traces] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const { chromium } = require("playwright-core");
const viewer = join(dirname(require.resolve("speedscope/package.json")), "dist/release/index.html");

let passed = 0, failed = 0;
const check = (good, what) => {
  if (good) { passed += 1; } else { failed += 1; console.log(`FAILED  ${what}`); }
};

// What the importer would count, by name.
function importErrors(events) {
  const errors = {};
  const count = (name) => { errors[name] = (errors[name] ?? 0) + 1; };
  const open = new Map(), async = new Map(), flows = new Set();
  const stack = (e) => {
    const key = `${e.pid}/${e.tid}`;
    if (!open.has(key)) open.set(key, []);
    const ends = open.get(key);
    while (ends.length && ends[ends.length - 1] <= e.ts) ends.pop();
    return ends;
  };
  const ns = (e) => ({ ...e, ts: Math.round(e.ts * 1000), dur: Math.round(e.dur * 1000) });
  const sorted = events.filter((e) => e.ph !== "M").map((e, i) => [ns(e), i])
    .sort(([a, i], [b, j]) => a.ts - b.ts || i - j).map(([e]) => e);
  for (const e of sorted) {
    const ends = stack(e), slice = `${e.pid} ${e.cat} ${e.id} ${e.name}`;
    switch (e.ph) {
      case "X":
        if (!(e.dur > 0)) count("slice without a length");
        if (ends.length && e.ts + e.dur > ends[ends.length - 1]) count("overlapping slices");
        ends.push(e.ts + e.dur);
        break;
      case "b": if (async.has(slice)) count("slice begun twice"); async.set(slice, e.ts); break;
      case "e": if (!async.delete(slice)) count("end without a beginning"); break;
      case "s":
        if (!ends.length) count("flow_no_enclosing_slice");
        if (flows.has(e.id)) count("flow_duplicate_id");
        flows.add(e.id);
        break;
      case "f":
        if (!ends.length) count("flow_no_enclosing_slice");
        if (!flows.has(e.id)) count("flow_end_without_start");
        break;
      default: count(`unknown phase ${e.ph}`);
    }
  }
  return errors;
}

const browser = await chromium.launch({ executablePath: browserPath,
  args: ["--no-sandbox", "--allow-file-access-from-files", "--enable-unsafe-swiftshader"] });
for (const trace of traces) {
  const name = basename(trace), events = JSON.parse(readFileSync(trace, "utf8")).traceEvents;
  const errors = importErrors(events);
  check(Object.keys(errors).length === 0, `${name}: ${JSON.stringify(errors)}`);
  check(events.filter((e) => e.ph === "X").length > 10, `${name}: hardly a record`);
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (m) => {
    const ofTheDriver = m.text().includes("GL Driver Message");
    if (["error", "warning"].includes(m.type()) && !ofTheDriver) complaints.push(m.text());
  });
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("dialog", (d) => { complaints.push(d.message()); d.dismiss(); });
  await page.goto(pathToFileURL(viewer).href);
  await page.locator("input[type=file]").first().setInputFiles(trace);
  await page.waitForFunction(() => document.title !== "speedscope", null, { timeout: 20_000 })
    .catch(() => complaints.push("speedscope shows nothing"));
  check(complaints.length === 0, `${name}: ${complaints.slice(0, 3).join("; ")}`);
  await page.close();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
