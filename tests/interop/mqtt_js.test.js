'use strict'
// mqtt.js, the library below the JavaScript DXL client, against our broker: MQTT 3.1 and 3.1.1 over the
// transport that mqtt_js.py names. One set of tests for each version and, over WebSockets, path.

const assert = require('node:assert')
const crypto = require('node:crypto')
const fs = require('node:fs')
const { once } = require('node:events')
const { afterEach, test } = require('node:test')

const mqtt = require('mqtt')

const { SCHEME, HOST, PORT, CERT, KEY, CA } = process.env
const DEADLINE = 30000
const PROTOCOLS = { 3: 'MQIsdp', 4: 'MQTT' }
const SUBPROTOCOLS = { 3: 'mqttv3.1', 4: 'mqtt' } // what the library offers
const REPORT = '/mcafee/event/external/file/report' // only its group may send
const certificates = { cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY), ca: fs.readFileSync(CA) }
const clients = []

afterEach(() => clients.splice(0).forEach(client => client.end(true)))

function withDeadline (what, promise) {
  let timer
  return Promise.race([promise, new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('waited for ' + what)), DEADLINE)
  })]).finally(() => clearTimeout(timer))
}

// A connected client that keeps what comes, and the SUBSCRIBE and UNSUBSCRIBE packets it sent.
async function connect ({ version, path }, options = {}) {
  const client = mqtt.connect(`${SCHEME}://${HOST}:${PORT}${path}`, {
    ...certificates,
    protocolId: PROTOCOLS[version],
    protocolVersion: version,
    clientId: `{${crypto.randomUUID()}}`,
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined, // DXL certificates name no host
    wsOptions: { checkServerIdentity: () => undefined },
    keepalive: 1800,
    reconnectPeriod: 10,
    ...options
  })
  clients.push(client)
  client.sent = []
  client.received = []
  client.on('packetsend', packet => /subscribe/.test(packet.cmd) && client.sent.push(packet))
  client.on('message', (topic, payload, { qos, retain }) => {
    client.received.push([topic, payload, qos, retain])
    client.emit('kept')
  })
  await withDeadline('the connection', once(client, 'connect'))
  return client
}

const call = (client, method, ...args) => withDeadline(method, new Promise((resolve, reject) =>
  client[method](...args, (error, value) => error ? reject(error) : resolve(value))))

const subscribe = async (client, filters) =>
  (await call(client, 'subscribe', filters)).map(({ topic, qos }) => [topic, qos])

async function next (client) {
  while (!client.received.length) await withDeadline('a message', once(client, 'kept'))
  return client.received.shift()
}

async function nextIs (client, topic, payload) {
  assert.deepStrictEqual(await next(client), [topic, Buffer.from(payload), 0, false])
}

const ways = (SCHEME === 'wss' ? ['/', '/mqtt'] : ['']).flatMap(path =>
  [3, 4].map(version => ({ version, path })))

for (const way of ways) {
  const { version, path } = way
  const name = `${SCHEME} ${path} MQTT ${version}: `

  if (SCHEME === 'wss') {
    test(name + 'its subprotocol is echoed and no extension confirmed', async () => {
      const { socket } = (await connect(way)).stream
      assert.deepStrictEqual([socket.protocol, socket.extensions], [SUBPROTOCOLS[version], ''])
    })
  }

  test(name + 'every QoS is acknowledged and delivered at 0', async () => {
    const receiver = await connect(way)
    const sender = await connect(way)
    for (const granted of [0, 1, 2]) {
      assert.deepStrictEqual(await subscribe(receiver, { '/tests/qos': granted }), [['/tests/qos', granted]])
      for (const qos of [0, 1, 2]) {
        await call(sender, 'publish', '/tests/qos', `at ${qos}`, { qos, retain: true })
        await nextIs(receiver, '/tests/qos', `at ${qos}`)
      }
    }
  })

  test(name + 'several filters go in one packet, overlapping ones give one copy', async () => {
    const receiver = await connect(way)
    const sender = await connect(way)
    const filters = { '/tests/over/#': 0, '/tests/over/a': 1, '/tests/+/a': 2, '/tests/other': 0 }
    assert.deepStrictEqual(await subscribe(receiver, filters), Object.entries(filters))
    for (const topic of ['/tests/over/a', '/tests/none', '/tests/other']) sender.publish(topic, 'first')
    await nextIs(receiver, '/tests/over/a', 'first')
    await nextIs(receiver, '/tests/other', 'first')
    await call(receiver, 'unsubscribe', ['/tests/over/#', '/tests/over/a', '/tests/other'])
    for (const topic of ['/tests/over/b', '/tests/other', '/tests/over/a']) sender.publish(topic, 'second')
    await nextIs(receiver, '/tests/over/a', 'second')
    assert.deepStrictEqual(receiver.sent.map(packet => [packet.cmd,
      (packet.subscriptions || packet.unsubscriptions).length]), [['subscribe', 4], ['unsubscribe', 3]])
  })

  test(name + 'after a lost connection one packet restores all subscriptions', async () => {
    const client = await connect(way)
    const filters = ['/tests/again/1', '/tests/again/2', '/tests/again/3']
    for (const filter of filters) await subscribe(client, filter)
    client.sent.length = 0
    const connected = withDeadline('the reconnect', once(client, 'connect'))
    client.stream.destroy()
    await connected
    for (const filter of filters) await call(client, 'publish', filter, 'x', { qos: 1 })
    for (const filter of filters) await nextIs(client, filter, 'x')
    assert.deepStrictEqual(client.sent.map(packet => packet.subscriptions.map(({ topic }) => topic)), [filters])
  })

  test(name + 'the will is published when the connection is cut', async () => {
    const watcher = await connect(way)
    await subscribe(watcher, '/tests/will')
    for (const payload of ['polite', 'cut']) {
      const client = await connect(way, {
        reconnectPeriod: 0, will: { topic: '/tests/will', payload, qos: 2, retain: true }
      })
      if (payload === 'polite') await call(client, 'end', false)
      else client.stream.destroy()
    }
    await nextIs(watcher, '/tests/will', 'cut')
  })

  test(name + 'large payloads pass whole', async () => {
    const receiver = await connect(way)
    const sender = await connect(way)
    await subscribe(receiver, '/tests/large')
    const payload = crypto.randomBytes(900 << 10)
    for (const qos of [0, 1, 2]) {
      await call(sender, 'publish', '/tests/large', payload, { qos })
      await nextIs(receiver, '/tests/large', payload)
    }
  })

  test(name + 'a refused topic costs the message, not the connection', async () => {
    const client = await connect(way)
    client.on('close', () => client.received.push('closed'))
    await subscribe(client, ['/tests/after', REPORT])
    for (const qos of [0, 1, 2]) await call(client, 'publish', REPORT, 'x', { qos })
    await call(client, 'publish', '/tests/after', 'y', { qos: 1 })
    await nextIs(client, '/tests/after', 'y')
  })
}

test(SCHEME + ': pings are answered', () => Promise.all(ways.map(async way => { // at once: it takes seconds
  const client = await connect(way, { keepalive: 2 })
  for (let count = 0; count < 2; ++count) {
    while ((await withDeadline('a ping\'s answer', once(client, 'packetreceive')))[0].cmd !== 'pingresp');
  }
  assert.ok(client.connected)
})))
