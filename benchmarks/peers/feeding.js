// The feed of the peers that are written in JavaScript: when what is due, and the text of it.
// node SERVER PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE
const [port, expected, items, rate, burst, size] = process.argv.slice(2).map(Number);

// As in feeding.py.
function numbers(length) {
  let state = 1, text = '';
  while (text.length < length) {
    state = state * 16807 % 2147483647;
    text += `${(state % 20000 / 100).toFixed(2)} `;
  }
  return text.slice(0, length);
}

const tail = numbers(size - 'U,1,1,101.25|101.27|T=0123456789012345#0|\r\n'.length);
const micros = () => Number(process.hrtime.bigint() / 1000n);
let count = 0, sent = 0, due = 0;

function message(item) {
  const cents = String((sent * 7) % 100).padStart(2, '0');
  const time = String(micros()).padStart(16, '0');
  return `U,1,${item + 1},101.${cents}|102.${cents}|T=${time}#${item}|${tail}\r\n`;
}

function goOn(publish) {
  while (due <= micros()) {
    due += burst / rate * 1e6;
    for (let n = 0; n < burst; n++) {
      const item = (sent * 7919) % items;
      publish(item, message(item));
      sent++;
    }
  }
  // Node waits a millisecond at least, and so do the others in effect.
  setTimeout(goOn, Math.max(1, (due - micros()) / 1000), publish);
}

// One subscription more; with the last of them the feed starts.
function subscribed(publish) {
  if (++count === expected) {
    due = micros();
    goOn(publish);
  }
}

function listen(server) {
  server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => console.log('listening'));
}

module.exports = { items, listen, subscribed };
