// The adapters of ../adapters.md for the Node.js Remote Adapter SDK:
// node adapters.js FOLDER_OF_THE_SDK JOB, with a job as of ../python/adapters.py.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');

const { DataProvider, MetadataProvider } = require(path.join(process.argv[2], 'node_modules', 'lightstreamer-adapter'));
const job = JSON.parse(process.argv[3]);
const credentials = job.user === undefined ? undefined : { user: job.user, password: job.password };
const kindOf = (item) => item.split('.')[0];
const NO_MODE = { raw: false, merge: false, distinct: false, command: false };

function connect(port) {
  const stream = job.ca === undefined
    ? net.createConnection(port, '127.0.0.1')
    : tls.connect({ port, host: 'localhost', ca: fs.readFileSync(job.ca) });
  stream.on('error', (error) => console.log('error', error.message));
  stream.on('close', () => process.exit(3));
  return stream;
}

function modesOf(item) {
  const kind = kindOf(item);
  return { ...NO_MODE, [['distinct', 'command', 'raw'].includes(kind) ? kind : 'merge']: true };
}

function startData(ports) {
  const clocks = new Map();
  const hasSnapshot = (item) => ['merge', 'distinct', 'command'].includes(kindOf(item));
  const provider = new DataProvider(connect(ports[0]), connect(ports[1]), hasSnapshot, credentials);
  provider.on('init', (request, response) => {
    console.log('data initialize', JSON.stringify(request.parameters));
    response.success();
  });
  provider.on('subscribe', (item, response) => {
    console.log('subscribe', item);
    if (kindOf(item) === 'fails') {
      response.error('no such item', 'subscription');
      return;
    }
    response.success();
    const send = (snapshot, event) => provider.update(item, snapshot, event);
    if (kindOf(item) === 'merge') {
      send(true, { a: '1', b: 'é€𩥪 |%+#$\r\n', c: '', d: 'é|' });
      send(false, { a: '#', c: null });
    } else if (kindOf(item) === 'distinct') {
      send(true, { a: 'one' });
      send(true, { a: 'two' });
      provider.endOfSnapshot(item);
      send(false, { a: 'three' });
    } else if (kindOf(item) === 'command') {
      send(true, { key: 'k1', command: 'ADD', a: '1' });
      send(true, { key: 'k2', command: 'ADD', a: '2' });
      provider.endOfSnapshot(item);
      send(false, { key: 'k1', command: 'UPDATE', a: '1b' });
      send(false, { key: 'k2', command: 'DELETE' });
    } else if (kindOf(item) === 'raw') {
      send(false, { a: '1' });
      send(false, { a: '1' });
    } else if (kindOf(item) === 'clock') {
      let ticks = 0;
      clocks.set(item, setInterval(() => {
        ticks += 1;
        send(false, { a: String(ticks), b: String(process.pid) });
      }, 50));
    }
  });
  provider.on('unsubscribe', (item, response) => {
    console.log('unsubscribe', item);
    clearInterval(clocks.get(item));
    clocks.delete(item);
    response.success();
  });
}

function startMetadata(ports) {
  const provider = new MetadataProvider(connect(ports[0]), {}, credentials);
  provider.on('init', (request, response) => {
    console.log('metadata initialize', JSON.stringify(request.parameters));
    response.success();
  });
  provider.on('notifyUser', (request, response) => {
    if (request.userName === 'denied') {
      response.error('wrong password', 'access');
    } else if (request.userName === 'nocredit') {
      response.error('internal: no credit', 'credits', { clientCode: -7, clientMessage: 'No more credit & thanks' });
    } else {
      response.success(0, true);
    }
  });
  provider.on('getItems', (request, response) => {
    if (request.groupName === 'bad') {
      response.error('unknown group', 'items');
    } else {
      response.success(request.groupName.split(' '));
    }
  });
  provider.on('getSchema', (request, response) => {
    if (request.schemaName === 'bad') {
      response.error('unknown schema', 'schema');
    } else {
      response.success(request.schemaName.split(' '));
    }
  });
  provider.on('getItemData', (request, response) => {
    response.success(request.itemNames.map((item) => (
      { distinctSnapLen: 10, minSourceFreq: 0, allowedModes: modesOf(item) })));
  });
  provider.on('notifyNewTables', (request, response) => {
    const table = request.tableInfos[0];
    console.log('tables', table.groupName, table.schemaName, table.firstItemIndex, table.lastItemIndex);
    if (request.userName === 'notables') {
      response.error('refused', 'credits', { clientCode: -9, clientMessage: 'table refused' });
    } else {
      response.success();
    }
  });
  provider.on('notifyTablesClose', (request, response) => {
    console.log('tables closed', request.tableInfos[0].groupName);
    response.success();
  });
  provider.on('notifyNewSession', (request, response) => {
    console.log('session', request.sessionId);
    response.success();
  });
  provider.on('notifySessionClose', (request, response) => {
    console.log('session closed', request.sessionId);
    response.success();
  });
  provider.on('notifyUserMessage', (request, response) => {
    console.log('message', request.userMessage);
    if (request.userMessage === 'credits') {
      response.error('refused', 'credits', { clientCode: -3, clientMessage: 'refused | for you' });
    } else if (request.userMessage === 'notif') {
      response.error('wrong message', 'notification');
    } else if (request.userMessage === 'crash') {
      response.error('unexpected');
    } else {
      response.success();
    }
  });
}

if (job.metadata !== undefined) startMetadata(job.metadata);
if (job.data !== undefined) startData(job.data);
console.log('started');
