'use strict'
// Where the open stand-ins for a TIE server differ from the product (TIE reference §9), ours follows the product: one test
// per row of that table, with npm's unmodified TIE client, and with its DXL client where the TIE client hides the answer.

const assert = require('node:assert')
const { test } = require('node:test')

const tie = require('@opendxl/dxl-tie-client')
const {
  ask, base64, codeOf, connect, digest, getFile, levels, newDigests, publish, setFile, settle, tieCall, until, wireHashes, Seen
} = require('./dxl_clients')

const { CONFIG_ALL, CONFIG_OTHER } = process.env
const SET = '/mcafee/service/tie/file/reputation/set'
const CHANGE = '/mcafee/event/tie/file/repchange/broadcast'
const CERT_CHANGE = '/mcafee/event/tie/cert/repchange/broadcast'
const NOTEPAD = { md5: 'f2c7bb8acc97f92e987a2d4087d021b1' }
const EICAR = { md5: '44d88612fea8a8f36de82e1278abb02f' }

const newCertificate = () => newDigests().sha1
const askJson = async (client, topic, payload) => JSON.parse(String((await ask(client, topic, JSON.stringify(payload))).payload))
const providersOf = list => list.map(entry => entry.providerId)

// The payloads of events as they are, without the TIE client.
async function watch (topic) {
  const watcher = await connect(CONFIG_OTHER)
  const seen = new Seen()
  watcher.addEventCallback(topic, event => seen.add(JSON.parse(String(event.payload))))
  await settle(watcher)
  return seen
}

const hasHash = (type, hex) => event => event.hashes.some(each => each.type === type && each.value === base64(hex))

async function services (client) {
  return Object.values((await askJson(client, '/mcafee/service/dxl/svcregistry/query', {})).services)
}

test('service type name', async () => {
  const types = (await services(await connect(CONFIG_ALL))).map(service => service.serviceType)
  assert.ok(types.includes('/opendxl-tiara/service/tie'), types)
  for (const taken of ['/opendxl/mocktieserver', '/fake/mcafee/services']) assert.ok(!types.includes(taken), types)
})

test('topics', async () => {
  const ours = (await services(await connect(CONFIG_ALL))).find(service => service.serviceType.endsWith('/service/tie'))
  for (const topic of ['file/reputation', 'file/reputation/set', 'file/agents', 'cert/reputation', 'cert/reputation/set',
    'cert/agents', 'reputation/updates', 'file/update_metadata', 'cert/update_metadata', 'file/info', 'file/search'])
    assert.ok(ours.requestChannels.includes('/mcafee/service/tie/' + topic), topic)
})

test('unknown file on get', async () => {
  assert.deepStrictEqual(levels(await getFile(await connect(CONFIG_ALL), newDigests())), { 1: 0, 3: 0 })
})

test('several hashes', async () => {
  const client = await connect(CONFIG_ALL)
  const { md5, sha1, sha256 } = newDigests()
  await setFile(client, 15, { md5 })
  // Not all of them match an item, and it is found all the same.
  assert.strictEqual((await getFile(client, { md5, sha1, sha256 }))[3].trustLevel, 15)
  await setFile(client, 30, { sha256 })
  await setFile(client, 70, { md5, sha256 })
  for (const hashes of [{ md5 }, { sha256 }]) assert.strictEqual((await getFile(client, hashes))[3].trustLevel, 70)
})

test('set on unknown file', async () => {
  const client = await connect(CONFIG_ALL)
  // One name, two files: neither name nor order of the digests is the key.
  const [first, second] = [newDigests(), newDigests()]
  await setFile(client, 1, first, 'same.exe')
  await setFile(client, 99, second, 'same.exe')
  for (const type of ['sha256', 'sha1', 'md5']) {
    assert.strictEqual((await getFile(client, { [type]: first[type] }))[3].trustLevel, 1)
    assert.strictEqual((await getFile(client, { [type]: second[type] }))[3].trustLevel, 99)
  }
})

test('set on known file', async () => {
  const client = await connect(CONFIG_ALL)
  const hashes = newDigests()
  for (const level of [99, 15, 15]) await setFile(client, level, hashes)
  const { reputations } = await askJson(client, '/mcafee/service/tie/file/reputation', { hashes: wireHashes(hashes) })
  assert.deepStrictEqual(providersOf(reputations), [1, 3])
  assert.strictEqual(reputations[1].trustLevel, 15)
})

test('set response', async () => {
  const response = await ask(await connect(CONFIG_ALL), SET,
    JSON.stringify({ filename: '', trustLevel: 99, providerId: 3, comment: '', hashes: wireHashes(newDigests()) }))
  assert.strictEqual(String(response.payload), '')
})

test('change event', async () => {
  const changes = await watch(CHANGE)
  const hashes = newDigests()
  await setFile(await connect(CONFIG_ALL), 30, hashes)
  const change = await changes.find('the change', hasHash('md5', hashes.md5))
  for (const snapshot of [change.oldReputations, change.newReputations]) {
    assert.deepStrictEqual(providersOf(snapshot.reputations), [1, 3])
    assert.deepStrictEqual(snapshot.props, { serverTime: change.updateTime })
  }
  assert.strictEqual(change.relationships, undefined) // no signer is known
})

test('agents', async () => {
  const [one, other] = [await connect(CONFIG_ALL), await connect(CONFIG_OTHER)]
  const hashes = wireHashes(newDigests())
  for (const client of [one, other]) await ask(client, '/mcafee/service/tie/file/reputation', JSON.stringify({ hashes }))
  const answer = await until('both systems', () => askJson(one, '/mcafee/service/tie/file/agents', { hashes, queryLimit: 1 }),
    each => each.totalCount === 2)
  assert.strictEqual(answer.agents.length, 1)
})

test('file without agents', async () => {
  const client = await connect(CONFIG_ALL)
  const hashes = newDigests()
  await setFile(client, 50, hashes)
  for (const asked of [hashes, newDigests()])
    assert.deepStrictEqual(await askJson(client, '/mcafee/service/tie/file/agents', { hashes: wireHashes(asked), queryLimit: 500 }),
      { agents: [], totalCount: 0 })
})

test('certificate get or agents without key', async () => {
  const client = await connect(CONFIG_ALL)
  const sha1 = newCertificate()
  assert.deepStrictEqual(await tieCall(client, 'getCertificateFirstReferences', sha1), [])
  assert.deepStrictEqual(levels(await tieCall(client, 'getCertificateReputation', sha1)), { 2: 0, 4: 0 })
})

test('malformed JSON', async () => {
  const client = await connect(CONFIG_ALL)
  for (const topic of ['file/reputation', 'file/reputation/set', 'file/agents', 'cert/reputation', 'cert/reputation/set', 'cert/agents'])
    for (const payload of ['', '{', '[]', '{"hashes":']) {
      await assert.rejects(ask(client, '/mcafee/service/tie/' + topic, payload), error => codeOf(error) === 1, topic + payload)
    }
})

test('certificate set', async () => {
  const changes = await watch(CERT_CHANGE)
  const client = await connect(CONFIG_ALL)
  const [one, other, key] = [newCertificate(), newCertificate(), newCertificate()]
  await tieCall(client, 'setCertificateReputation', 1, one, key, '')
  await tieCall(client, 'setCertificateReputation', 99, other, key, '')
  assert.strictEqual((await tieCall(client, 'getCertificateReputation', one))[4].trustLevel, 1)
  assert.strictEqual((await tieCall(client, 'getCertificateReputation', other))[4].trustLevel, 99)
  const change = await changes.find('the change', hasHash('sha1', other))
  assert.deepStrictEqual(change.hashes, [{ type: 'sha1', value: base64(other) }])
  assert.strictEqual(change.publicKeySha1, base64(key))
})

test('digests after a set', async () => {
  const client = await connect(CONFIG_ALL)
  const changes = new Seen()
  new tie.TieClient(client).addFileReputationChangeCallback(change => changes.add(change))
  await settle(client)
  const hashes = newDigests()
  await setFile(client, 99, hashes)
  await setFile(client, 85, { md5: hashes.md5 })
  const change = await changes.find('the second change', each => each.hashes.md5 === hashes.md5 && each.newReputations[3].trustLevel === 85)
  assert.deepStrictEqual(change.hashes, hashes)
  assert.strictEqual((await getFile(client, { sha256: hashes.sha256 }))[3].trustLevel, 85)
})

test('External', async () => {
  const changes = await watch(CHANGE)
  const client = await connect(CONFIG_ALL)
  const hashes = newDigests()
  const report = score => publish(client, '/mcafee/event/external/file/report', JSON.stringify({
    file: { type: 18, hashes, attributes: { filename: 'a name nobody knows' }, reputation: { score } }, provider: { id: 15 }, comment: ''
  }))
  report(70)
  const change = await changes.find('the change', hasHash('sha256', hashes.sha256))
  assert.deepStrictEqual(providersOf(change.newReputations.reputations), [1, 3, 15])
  report(70)
  report(15)
  await changes.find('the second change', each => each.newReputations.reputations.some(entry => entry.trustLevel === 15))
  const { reputations } = await askJson(client, '/mcafee/service/tie/file/reputation', { hashes: wireHashes(hashes) })
  assert.deepStrictEqual(reputations.map(entry => [entry.providerId, entry.trustLevel]), [[1, 0], [3, 0], [15, 15]])
  assert.strictEqual(changes.all.filter(hasHash('sha256', hashes.sha256)).length, 2)
})

// The fake answers such a set, then sends an error for it, and no event.
test('certificate set with key', async () => {
  const changes = await watch(CERT_CHANGE)
  const client = await connect(CONFIG_ALL)
  const [sha1, key] = [newCertificate(), newCertificate()]
  const answers = []
  const reply = client._replyToTopic
  assert.ok(reply, 'the library names its reply topic')
  client._mqttClient.on('message', topic => { if (topic === reply) answers.push(topic) })
  await tieCall(client, 'setCertificateReputation', 85, sha1, key, '')
  await changes.find('the change', hasHash('sha1', sha1))
  await settle(client)
  assert.strictEqual(answers.length, 2) // of the set and of settle()
})

test('default data', async () => {
  const client = await connect(CONFIG_ALL)
  for (const hashes of [NOTEPAD, EICAR]) {
    const answer = await getFile(client, hashes)
    assert.deepStrictEqual(levels(answer), { 1: 0, 3: 0 })
    assert.strictEqual(answer[3].attributes[tie.FileEnterpriseAttrib.PREVALENCE], '0')
  }
  assert.deepStrictEqual(levels(await tieCall(client, 'getCertificateReputation', digest('sha1', 'any'))), { 2: 0, 4: 0 })
})
