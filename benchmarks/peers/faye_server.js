// Faye, with its engine in memory: a message of Bayeux for each client, each in JSON of its own.
const server = require('http').createServer();
const { listen, subscribed } = require('./feeding.js');
const { NodeAdapter } = require('faye');

const bayeux = new NodeAdapter({ mount: '/faye', timeout: 45 });
bayeux.attach(server);
const client = bayeux.getClient();
bayeux.on('subscribe', () => {
  subscribed((item, text) => client.publish(`/item${String(item).padStart(4, '0')}`, text));
});
listen(server);
