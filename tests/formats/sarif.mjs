// Holds a SARIF file against the official schema: node sarif.mjs FOLDER FILE, where FOLDER has the
// packages of package.json. A line for each problem.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const [folder, file] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const schema = read(require.resolve("@microsoft/sarif-multitool-linux/sarif-2.1.0.json"));
const { Ajv2020 } = require("ajv/dist/2020");
const ajv = new Ajv2020({ allErrors: true, strict: false });
require("ajv-formats").default(ajv);
const valid = ajv.compile(schema);
if (!valid(read(file))) {
  for (const e of valid.errors) console.log(`${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}
