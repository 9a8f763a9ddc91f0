'use strict'
// npm's unmodified OpenDXL clients on a fabric whose profile is "deny", without any rule: what they do is
// refused, and they hear of it as far as the protocol lets them. javascript.py starts the fabric.

const assert = require('node:assert')
const { test, after } = require('node:test')

const dxl = require('@opendxl/dxl-client')
const tie = require('@opendxl/dxl-tie-client')

const { CONFIG, CONFIG_MEMBER } = process.env
const DEADLINE = 30000
const HASHES = { sha256: 'ab'.repeat(32), sha1: 'ab'.repeat(20), md5: 'ab'.repeat(16) }
const NOT_AUTHORISED = 0x80000013
const clients = []

function withDeadline (what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('waited for ' + what)), DEADLINE)
    start(value => { clearTimeout(timer); resolve(value) },
      error => { clearTimeout(timer); reject(error) })
  })
}

after(() => {
  clients.forEach(client => client.destroy())
  setTimeout(() => process.exit(), 2000).unref()
})

const codeOf = error => error.dxlErrorResponse.errorCode >>> 0

async function connect (config) {
  const client = new dxl.Client(dxl.Config.createDxlConfigFromFile(config))
  clients.push(client)
  await withDeadline('the connection', resolve => client.connect(resolve))
  return client
}

// The broker handles one connection's packets in order; asking it needs no rule.
function settle (client) {
  return withDeadline('an answer of the broker', (resolve, reject) => {
    const request = new dxl.Request('/mcafee/service/dxl/svcregistry/query')
    request.payload = '{}'
    client.asyncRequest(request, error => error ? reject(error) : resolve())
  })
}

const lookUp = client => withDeadline('a file reputation', (resolve, reject) =>
  new tie.TieClient(client).getFileReputation(
    (error, answer) => error ? reject(error) : resolve(answer), HASHES))

test('a lookup is answered with an error that names the topic', async () => {
  const client = await connect(CONFIG)
  await assert.rejects(lookUp(client), error => {
    assert.match(error.message, /^not authorized to send to \/mcafee\/service\/tie\/file\/reputation/)
    return codeOf(error) === NOT_AUTHORISED
  })
  await settle(client) // it is still connected
})

test('a change that a group may make reaches nobody who may not receive it', async () => {
  const member = await connect(CONFIG_MEMBER)
  const watcher = await connect(CONFIG)
  let seen = 0
  new tie.TieClient(watcher).addFileReputationChangeCallback(() => { seen++ })
  await settle(watcher)
  await withDeadline('the set', (resolve, reject) => new tie.TieClient(member).setFileReputation(
    error => error ? reject(error) : resolve(), 99, HASHES, 'denied.exe', 'by JavaScript'))
  await settle(watcher)
  assert.strictEqual(seen, 0)
})

test('events are dropped without a word, as the original broker drops them', async () => {
  const sender = await connect(CONFIG_MEMBER)
  const receiver = await connect(CONFIG)
  let seen = 0
  receiver.addEventCallback('/tests/event', () => { seen++ })
  await settle(receiver)
  const event = new dxl.Event('/tests/event')
  event.payload = 'x'
  sender.sendEvent(event)
  await settle(sender)
  await settle(receiver)
  assert.strictEqual(seen, 0)
})

test('a service may register, but gets no request', async () => {
  const service = await connect(CONFIG)
  const info = new dxl.ServiceRegistrationInfo(service, '/tests/service')
  info.addTopics({ '/tests/request': () => assert.fail('a request came') })
  await withDeadline('the registration', (resolve, reject) =>
    service.registerServiceAsync(info, error => error ? reject(error) : resolve()))
  const client = await connect(CONFIG)
  await assert.rejects(withDeadline('the answer', (resolve, reject) => {
    client.asyncRequest(new dxl.Request('/tests/request'), error => error ? reject(error) : resolve())
  }), error => codeOf(error) === NOT_AUTHORISED)
})
