'use strict'
// The nodes of Node-RED for TIE do what npm's TIE client does, with values of the node or of the message that passes through.

const assert = require('node:assert')
const { test } = require('node:test')

const tie = require('@opendxl/dxl-tie-client')
const { codeOf, connect, digest, levels, newDigests, settle, tieCall, until, Seen } = require('./dxl_clients')

const { CONFIG } = process.env

// A node of the "set" kind: what is set on the node wins over the message; the output is a word.
async function setNode (client, node, message) {
  const value = name => node[name] !== undefined && node[name] !== '' ? node[name] : message[name]
  await tieCall(client, 'setFileReputation', value('trustLevel'), message.hashes, value('fileName'), value('comment'))
  return { ...message, payload: 'Succeeded' }
}

// A node of the "get" kind with one of its three return types.
async function getNode (client, type, message) {
  const answer = await tieCall(client, 'getFileReputation', message.hashes)
  const text = JSON.stringify(answer)
  return { ...message, payload: { obj: answer, txt: text, bin: Buffer.from(text) }[type] }
}

test('node red', async () => {
  const client = await connect(CONFIG)
  const hashes = newDigests()
  const changes = new Seen()
  new tie.TieClient(client).addFileReputationChangeCallback(change => changes.add(change))
  await settle(client)

  // The level of a drop-down list is a text, in the node and in the message.
  const passed = await setNode(client, { trustLevel: '', comment: 'from the node' }, { hashes, trustLevel: '15', fileName: 'red.exe' })
  assert.strictEqual(passed.payload, 'Succeeded')
  for (const type of ['obj', 'txt', 'bin']) {
    const { payload } = await getNode(client, type, { hashes })
    const answer = type === 'obj' ? payload : JSON.parse(String(payload))
    assert.deepStrictEqual(levels(answer), { 1: 0, 3: 15 })
  }
  const change = await changes.find('the event of the "in" node', each => each.hashes.md5 === hashes.md5)
  assert.deepStrictEqual(change.hashes, hashes)

  // A limit typed into the node is a text, too.
  const agents = await until('a first reference', () => tieCall(client, 'getFileFirstReferences', hashes, '10'), list => list.length > 0)
  assert.strictEqual(agents.length, 1)
  await assert.rejects(tieCall(client, 'getFileFirstReferences', hashes, 'many'), error => codeOf(error) === 5)

  const sha1 = digest('sha1', 'node red')
  await tieCall(client, 'setCertificateReputation', '85', sha1, undefined, undefined)
  assert.strictEqual((await tieCall(client, 'getCertificateReputation', sha1, ''))[4].trustLevel, 85)
  assert.deepStrictEqual(await tieCall(client, 'getCertificateFirstReferences', newDigests().sha1, '', undefined), [])
})
