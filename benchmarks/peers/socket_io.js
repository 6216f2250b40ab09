// socket.io, clients in rooms: one packet of the WebSocket transport for each client and message, made once for a room.
const server = require('http').createServer();
const { listen, subscribed } = require('./feeding.js');
const io = new (require('socket.io').Server)(server);

io.on('connection', (socket) => {
  socket.on('sub', (item) => {
    socket.join(Number(item));
    socket.emit('ok', 'SUBOK');
    subscribed((item, text) => io.to(item).emit('u', text));
  });
});
listen(server);
