'use strict'
// npm's unmodified OpenDXL clients on a fabric whose profile is "deny", without any rule: what they do is
// refused, and they hear of it as far as the protocol lets them. javascript.py starts the fabric.

const assert = require('node:assert')
const { test } = require('node:test')

const tie = require('@opendxl/dxl-tie-client')
const { codeOf, connect, getFile, ask, publish, register, setFile, settle } = require('./dxl_clients')

const { CONFIG, CONFIG_MEMBER } = process.env
const HASHES = { sha256: 'ab'.repeat(32), sha1: 'ab'.repeat(20), md5: 'ab'.repeat(16) }
const NOT_AUTHORISED = 0x80000013

test('a lookup is answered with an error that names the topic', async () => {
  const client = await connect(CONFIG)
  await assert.rejects(getFile(client, HASHES), error => {
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
  await setFile(member, 99, HASHES)
  await settle(watcher)
  assert.strictEqual(seen, 0)
})

test('events are dropped without a word, as the original broker drops them', async () => {
  const sender = await connect(CONFIG_MEMBER)
  const receiver = await connect(CONFIG)
  let seen = 0
  receiver.addEventCallback('/tests/event', () => { seen++ })
  await settle(receiver)
  publish(sender, '/tests/event', 'x')
  await settle(sender)
  await settle(receiver)
  assert.strictEqual(seen, 0)
})

test('a service may register, but gets no request', async () => {
  const service = await connect(CONFIG)
  await register(service, '/tests/service', { '/tests/request': () => assert.fail('a request came') })
  const client = await connect(CONFIG)
  await assert.rejects(ask(client, '/tests/request', ''), error => codeOf(error) === NOT_AUTHORISED)
})
