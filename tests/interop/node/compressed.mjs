// node compressed.mjs < job: talks through a WebSocket of the npm package ws, which compresses all that it sends if
// the server agrees. The job is a JSON object {"url", "offer", "steps"}: the options of its permessage-deflate, and
// pairs of a message to send and a text to wait for in what comes. Prints everything that came.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import process from "node:process";

const WebSocket = createRequire(`${process.cwd()}/`)("ws");

const { url, offer, steps } = JSON.parse(await text(process.stdin));
const socket = new WebSocket(url, "TLCP-2.5.0.lightstreamer.com", { perMessageDeflate: { ...offer, threshold: 0 } });
let came = "";

function next() {
  if (steps.length) socket.send(steps[0][0]);
  else socket.close();
}

setTimeout(() => {
  process.stderr.write(`nothing that matches ${JSON.stringify(steps[0])} in ${JSON.stringify(came)}\n`);
  process.exit(1);
}, 20_000);

socket.on("open", next);
socket.on("message", (data) => {
  came += data;
  while (steps.length && came.includes(steps[0][1])) {
    steps.shift();
    next();
  }
});
socket.on("close", (code) => process.stdout.write(came, () => process.exit(code === 1000 ? 0 : 1)));
socket.on("error", (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
