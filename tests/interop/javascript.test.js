'use strict'
// npm's unmodified OpenDXL clients against our broker and TIE service. javascript.py starts the
// fabric and passes two provisioned configurations, in both set groups and in none, for one transport.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const crypto = require('node:crypto')
const readline = require('node:readline')
const { test } = require('node:test')

const dxl = require('@opendxl/dxl-client')
const tie = require('@opendxl/dxl-tie-client')
const peers = require('./dxl_clients')
const {
  ask, codeOf, digests, getFile, levels, publish, register, setFile, settle, until, withDeadline, Seen
} = peers

const { SCHEME, CONFIG_ALL, CONFIG_NONE, CPP_CONFIG, CPP_PEER } = process.env

const connect = config => peers.connect(config, SCHEME)

function answering (client, make) {
  return request => {
    const response = new dxl.Response(request)
    response.payload = make(Buffer.from(request.payload))
    client.sendResponse(response)
  }
}

// Our C++ client as a child, over TLS always: `line()` is its next line of output.
function cpp (...args) {
  const child = spawn(CPP_PEER, [CPP_CONFIG, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    line: () => withDeadline('a line from cpp_peer ' + args[0],
      (resolve, reject) => lines.next().then(item => resolve(item.value), reject)),
    end: () => withDeadline('the end of cpp_peer ' + args[0], resolve => {
      child.on('exit', (code, signal) => resolve(code === null ? signal : code))
      if (child.exitCode !== null) resolve(child.exitCode)
      child.stdin.end()
    })
  }
}

test('events reach exact and wildcard subscribers, as text and as bytes', async () => {
  const sender = await connect(CONFIG_NONE)
  const receiver = await connect(CONFIG_ALL)
  const bytes = Buffer.from([0, 1, 0xff, 0xc4, 0x80])
  for (const [filter, payload] of [['/tests/js/event', 'text'], ['/tests/js/#', bytes],
    ['/tests/js/event', 'x'.repeat(70000)]]) {
    const received = withDeadline('an event', resolve => {
      const callback = event => {
        receiver.removeEventCallback(filter, callback)
        resolve(event)
      }
      receiver.addEventCallback(filter, callback)
    })
    await settle(receiver)
    const event = publish(sender, '/tests/js/event', payload)
    const got = await received
    assert.strictEqual(got.destinationTopic, '/tests/js/event')
    assert.deepStrictEqual(Buffer.from(got.payload), Buffer.from(payload))
    assert.match(got.sourceClientId, /^[0-9a-f]{40}$/)
    assert.ok(got.sourceBrokerId)
    assert.strictEqual(got.messageId, event.messageId)
  }
})

test('a service answers string and Buffer payloads', async () => {
  const service = await connect(CONFIG_NONE)
  await register(service, '/tests/js', {
    '/tests/js/text': answering(service, payload => 'text:' + payload),
    '/tests/js/bytes': answering(service, payload => Buffer.concat([Buffer.from([0, 255]), payload]))
  })
  await settle(service)
  const client = await connect(CONFIG_ALL)
  for (const payload of ['ping', Buffer.from('ping')]) {
    assert.strictEqual(String((await ask(client, '/tests/js/text', payload)).payload), 'text:ping')
    assert.deepStrictEqual(Buffer.from((await ask(client, '/tests/js/bytes', payload)).payload),
      Buffer.from([0, 255, 0x70, 0x69, 0x6e, 0x67]))
  }
})

test('an unregistered service is gone at once', async () => {
  const service = await connect(CONFIG_NONE)
  const info = await register(service, '/tests/gone',
    { '/tests/js/gone': answering(service, () => 'here') })
  await settle(service)
  const client = await connect(CONFIG_ALL)
  assert.strictEqual(String((await ask(client, '/tests/js/gone', '')).payload), 'here')
  await withDeadline('the unregistration', resolve => service.unregisterServiceAsync(info, resolve))
  await settle(service)
  await assert.rejects(ask(client, '/tests/js/gone', ''), error => {
    assert.strictEqual(error.code, 'ERR_DXL_SERVICE_UNAVAILABLE')
    return codeOf(error) === 0x80000001
  })
})

test('a request nobody serves gets the fabric\'s error', async () => {
  const client = await connect(CONFIG_NONE)
  await assert.rejects(ask(client, '/tests/js/nobody', 'x'),
    error => codeOf(error) === 0x80000001)
})

test('our C++ client calls a JavaScript service', async () => {
  const service = await connect(CONFIG_NONE)
  await register(service, '/tests/js-for-cpp', {
    '/tests/js/for-cpp/text': answering(service, payload => 'js:' + payload),
    '/tests/js/for-cpp/bytes': answering(service, payload => Buffer.concat([Buffer.from('js:'), payload])),
    '/tests/js/for-cpp/error': request => service.sendResponse(
      new dxl.ErrorResponse(request, 7, 'no'))
  })
  await settle(service)
  for (const [kind, expected] of [['text', 'js:hello'], ['bytes', 'js:hello'], ['error', 'error 7 no']]) {
    const caller = cpp('call', '/tests/js/for-cpp/' + kind, 'hello')
    assert.strictEqual(await caller.line(), expected)
    assert.strictEqual(await caller.end(), 0)
  }
})

test('a JavaScript client calls our C++ service', async () => {
  const service = cpp('serve', '/tests/cpp/service')
  assert.strictEqual(await service.line(), 'serving')
  const client = await connect(CONFIG_ALL)
  for (const payload of ['hello', Buffer.from('hello'), 'ü'.repeat(5000)]) {
    assert.strictEqual(String((await ask(client, '/tests/cpp/service', payload)).payload),
      'cpp:' + payload)
  }
  await assert.rejects(ask(client, '/tests/cpp/service', 'fail'),
    error => codeOf(error) === 42 && error.message.includes('asked to fail'))
  assert.strictEqual(await service.end(), 0)
})

test('events pass between JavaScript and C++ both ways', async () => {
  const client = await connect(CONFIG_ALL)
  const listener = cpp('listen', '/tests/to-cpp')
  assert.strictEqual(await listener.line(), 'listening')
  publish(client, '/tests/to-cpp', Buffer.from('from JavaScript'))
  assert.strictEqual(await listener.line(), 'from JavaScript')
  await listener.end()

  const received = withDeadline('an event', resolve => client.addEventCallback('/tests/to-js', resolve))
  await settle(client)
  assert.strictEqual(await cpp('publish', '/tests/to-js', 'from C++').end(), 0)
  assert.strictEqual(String((await received).payload), 'from C++')
})

test('TIE: an unknown file has GTI and Enterprise not set', async () => {
  const answer = await getFile(await connect(CONFIG_NONE), digests('js unknown'))
  assert.deepStrictEqual(levels(answer), { 1: 0, 3: 0 })
  for (const entry of Object.values(answer)) assert.ok(entry.attributes)
})

test('TIE: a set shows in the next lookup and in the change event', async () => {
  const client = await connect(CONFIG_ALL)
  const watcher = await connect(CONFIG_NONE)
  const hashes = digests('js set ' + crypto.randomUUID())
  const changes = new Seen()
  new tie.TieClient(watcher).addFileReputationChangeCallback(change => changes.add(change))
  await settle(watcher)
  await setFile(client, tie.TrustLevel.MOST_LIKELY_TRUSTED, hashes)
  assert.deepStrictEqual(levels(await getFile(watcher, hashes)), { 1: 0, 3: 85 })
  const change = await changes.find('the change event', each => each.hashes.sha256 === hashes.sha256)
  assert.deepStrictEqual(change.hashes, hashes)
  assert.deepStrictEqual(levels(change.oldReputations), { 1: 0, 3: 0 })
  assert.deepStrictEqual(levels(change.newReputations), { 1: 0, 3: 85 })
  assert.ok(Math.abs(change.updateTime - Date.now() / 1000) < 600)
})

test('TIE: a set without the group gets an error, not silence', async () => {
  const client = await connect(CONFIG_NONE)
  const hashes = digests('js refused')
  await assert.rejects(setFile(client, 99, hashes), error => {
    assert.match(error.message, /^not authorized to send to /)
    return codeOf(error) === 0x80000013
  })
  assert.deepStrictEqual(levels(await getFile(client, hashes)), { 1: 0, 3: 0 })
})

test('TIE: JavaScript lookups count as an endpoint\'s', async () => {
  const client = await connect(CONFIG_NONE)
  const hashes = digests('js endpoint ' + crypto.randomUUID())
  const prevalence = '2101652'
  const first = await getFile(client, hashes)
  assert.strictEqual(first[3].attributes[prevalence], '0')
  await getFile(client, hashes)
  const later = await until('prevalence 1', () => getFile(client, hashes),
    answer => answer[3].attributes[prevalence] !== '0')
  assert.strictEqual(later[3].attributes[prevalence], '1')
})
