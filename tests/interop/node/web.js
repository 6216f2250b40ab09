// node web.js CHROMIUM < job: runs scenarios with the web SDK, in a page of headless Chromium. Same
// input and output as node.js.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import process from "node:process";

const require = createRequire(`${process.cwd()}/`);
const { chromium } = require("playwright-core");

const FILES = {
  "/": [fileURLToPath(new URL("page.html", import.meta.url)), "text/html; charset=utf-8"],
  "/interpreter.js": [fileURLToPath(new URL("interpreter.js", import.meta.url)), "text/javascript"],
  "/sdk.js": [`${process.cwd()}/node_modules/lightstreamer-client-web/lightstreamer-core.esm.js`, "text/javascript"],
};

// On a machine that is busy with other things.
const PATIENCE = 120000;

const server = createServer(async (request, response) => {
  const [file, type] = FILES[request.url] ?? [];
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "Content-Type": type }).end(await readFile(file));
});

const tell = (...line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const { width, runs } = JSON.parse(await text(process.stdin));
// A browser opens at most six connections to one host, so every session gets a name of its own for
// it; Chromium knows that *.localhost is this machine.
runs.forEach((run, number) => {
  const address = new URL(run.address);
  address.hostname = `s${number}.localhost`;
  run.address = address.href;
});

await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"], timeout: PATIENCE });
// A test that has a certificate of its own says so. Chromium has no option to trust one file.
const page = await browser.newPage({ ignoreHTTPSErrors: "CA_FILE" in process.env });
page.on("pageerror", (error) => process.stderr.write(`page: ${error.stack}\n`));
await page.exposeFunction("tell", (lines) => lines.forEach((line) => tell(...line)));
await page.goto(`http://127.0.0.1:${server.address().port}/`, { timeout: PATIENCE });
await page.evaluate(([runs, width]) => window.playAll(runs, width), [runs, width]);
await browser.close();
// What a slow reader has not read yet must still get there.
process.stdout.write("", () => process.exit(0));
