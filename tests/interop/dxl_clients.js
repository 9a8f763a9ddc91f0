'use strict'
// What the tests with npm's unmodified OpenDXL clients share: connecting, waiting with a deadline, and the TIE client's
// calls as promises. Requiring this file makes every client end with the tests.

const assert = require('node:assert')
const crypto = require('node:crypto')
const { after } = require('node:test')

const dxl = require('@opendxl/dxl-client')
const tie = require('@opendxl/dxl-tie-client')

const DEADLINE = 30000
const clients = []

function withDeadline (what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('waited for ' + what)), DEADLINE)
    start(value => { clearTimeout(timer); resolve(value) },
      error => { clearTimeout(timer); reject(error) })
  })
}

// The library's refresh timers of registered services outlive its clients and would keep the process
// alive; unref: only if they do.
after(() => {
  clients.forEach(client => client.destroy())
  setTimeout(() => process.exit(), 2000).unref()
})

// The library names three codes of the fabric in `code` and leaves it empty for all others; the
// number is in the raw message, as a signed one for the fabric's.
const codeOf = error => error.dxlErrorResponse.errorCode >>> 0

async function connect (config, scheme = 'mqtts') {
  const client = new dxl.Client(dxl.Config.createDxlConfigFromFile(config))
  clients.push(client)
  await withDeadline('the connection', resolve => client.connect(resolve))
  assert.strictEqual(client._mqttClient.options.protocol, scheme)
  return client
}

function ask (client, topic, payload) {
  return withDeadline('the answer on ' + topic, (resolve, reject) => {
    const request = new dxl.Request(topic)
    request.payload = payload
    client.asyncRequest(request, (error, response) => error ? reject(error) : resolve(response))
  })
}

// The library does not tell when a subscription is in force. The broker handles one connection's
// packets in order, so an answer to a later request tells; the broker needs no rule for this one.
const settle = client => ask(client, '/mcafee/service/dxl/svcregistry/query', '{}')

function publish (client, topic, payload) {
  const event = new dxl.Event(topic)
  event.payload = payload
  client.sendEvent(event)
  return event
}

function register (client, type, callbacks) {
  return withDeadline('the registration', (resolve, reject) => {
    const info = new dxl.ServiceRegistrationInfo(client, type)
    info.addTopics(callbacks)
    client.registerServiceAsync(info, error => error ? reject(error) : resolve(info))
  })
}

// The TIE client's call as a promise: tieCall(client, 'getFileReputation', hashes).
function tieCall (client, method, ...rest) {
  return withDeadline(method, (resolve, reject) =>
    new tie.TieClient(client)[method]((error, result) => error ? reject(error) : resolve(result), ...rest))
}

const getFile = (client, hashes) => tieCall(client, 'getFileReputation', hashes)
const setFile = (client, level, hashes, filename = 'interop.exe', comment = 'by JavaScript') =>
  tieCall(client, 'setFileReputation', level, hashes, filename, comment)

// What came, and a wait for one that fits: await seen.find('a change', event => …).
class Seen {
  constructor () {
    this.all = []
    this.wake = () => {}
    this.add = (...what) => { this.all.push(what.length === 1 ? what[0] : what); this.wake() }
  }

  find (what, fits) {
    return withDeadline(what, resolve => {
      this.wake = () => { const found = this.all.find(fits); if (found) resolve(found) }
      this.wake()
    })
  }
}

// Looks again and again until the answer fits.
function until (what, look, fits) {
  return withDeadline(what, (resolve, reject) => {
    const again = () => look().then(answer => fits(answer) ? resolve(answer) : setTimeout(again, 5), reject)
    again()
  })
}

const digest = (name, text) => crypto.createHash(name).update(text).digest('hex')
const digests = text => Object.fromEntries(['md5', 'sha1', 'sha256'].map(name => [name, digest(name, text)]))
// Digests that no other test uses.
const newDigests = () => digests(crypto.randomUUID())
const base64 = hex => Buffer.from(hex, 'hex').toString('base64')
// As TIE requests have them.
const wireHashes = hashes => Object.entries(hashes).map(([type, value]) => ({ type, value: base64(value) }))

const levels = reputations => Object.fromEntries(
  Object.entries(reputations).map(([provider, entry]) => [provider, entry.trustLevel]))

module.exports = {
  ask, base64, codeOf, connect, digest, digests, getFile, levels, newDigests, publish, register, setFile, settle, tieCall,
  until, wireHashes, withDeadline, Seen
}
