// The package ws: one frame for each client and message.
const fs = require('fs');
const { WebSocketServer } = require('ws');
const { items, listen, subscribed } = require('./feeding.js');

const subscribers = Array.from({ length: items }, () => new Set());

function publish(item, text) {
  const data = Buffer.from(text);
  for (const socket of subscribers[item]) socket.send(data, { binary: false });
}

const server = process.env.BENCHMARK_TLS
  ? require('https').createServer({ cert: fs.readFileSync('cert.pem'), key: fs.readFileSync('key.pem') })
  : require('http').createServer();
const perMessageDeflate = process.env.BENCHMARK_COMPRESSION ? { threshold: 0 } : false;
new WebSocketServer({ server, perMessageDeflate }).on('connection', (socket) => {
  socket.on('message', (data) => {
    subscribers[Number(String(data).split(' ')[1])].add(socket);
    socket.send('SUBOK');
    subscribed(publish);
  });
});
listen(server);
