// The package ws: node node_ws.js PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE
const [port, expected, nItems, rate, burst, size] = process.argv.slice(2).map(Number);
const { WebSocketServer } = require('ws');
const fs = require('fs');

const subscribers = Array.from({ length: nItems }, () => new Set());
const micros = () => Number(process.hrtime.bigint() / 1000n);
const tail = 'x'.repeat(size - 'U,1,1,101.25|101.27|T=0123456789012345#0|\r\n'.length);
let count = 0, sent = 0, due = 0;

function message(item) {
  const cents = String((sent * 7) % 100).padStart(2, '0');
  const time = String(micros()).padStart(16, '0');
  return Buffer.from(`U,1,${item + 1},101.${cents}|102.${cents}|T=${time}#${item}|${tail}\r\n`);
}

function goOn() {
  while (due <= micros()) {
    due += burst / rate * 1e6;
    for (let n = 0; n < burst; n++) {
      const item = (sent * 7919) % nItems;
      const text = message(item);
      sent++;
      for (const socket of subscribers[item]) socket.send(text, { binary: false });
    }
  }
  const wait = due - micros();
  // Node waits a millisecond at least, and so do the others in effect.
  setTimeout(goOn, Math.max(1, wait / 1000));
}

let server;
if (process.env.BENCHMARK_TLS) {
  server = require('https').createServer({ cert: fs.readFileSync('cert.pem'), key: fs.readFileSync('key.pem') });
} else {
  server = require('http').createServer();
}
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    subscribers[Number(String(data).split(' ')[1])].add(socket);
    socket.send('SUBOK');
    if (++count === expected) { due = micros(); goOn(); }
  });
});
server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => console.log('listening'));
