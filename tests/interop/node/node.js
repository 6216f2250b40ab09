// node node.js PACKAGE < job: runs scenarios with one of the Node.js SDKs. The job is a JSON object
// {"width", "runs"}; on standard output come JSON arrays, ["saw", run, event] and ["end", run, problem].

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import process from "node:process";
import { playAll } from "./interpreter.js";

const require = createRequire(`${process.cwd()}/`);
const tell = (...line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const { width, runs } = JSON.parse(await text(process.stdin));
await playAll(
  require(process.argv[2]),
  runs,
  width,
  (id, event) => tell("saw", id, event),
  (id, problem) => tell("end", id, problem),
);
// The SDKs leave sockets and timers behind. What a slow reader has not read yet must still get there.
process.stdout.write("", () => process.exit(0));
