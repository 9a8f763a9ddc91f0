'use strict'
// Each operation of npm's unmodified TIE client against our service, and each constant and parser of it on real answers.
// tie_javascript.py starts the fabric and passes one configuration per role.

const assert = require('node:assert')
const { test } = require('node:test')

const tie = require('@opendxl/dxl-tie-client')
const {
  ask, base64, codeOf, connect, digest, getFile, levels, newDigests, publish, setFile, settle, tieCall, until, wireHashes, Seen
} = require('./dxl_clients')

const { CONFIG_ALL, CONFIG_NONE, CONFIG_SANDBOX, SHA1_ALL, SHA1_NONE } = process.env
const {
  AtdAttrib, AtdTrustLevel, CertEnterpriseAttrib, CertGtiAttrib, CertProvider, CertRepChangeEventProp,
  CertReputationOverriddenProp, CertReputationProp, DetectionEventProp, EpochUtil, FileEnterpriseAttrib, FileGtiAttrib,
  FileProvider, FileRepChangeEventProp, FileReputationProp, FirstInstanceEventProp, FirstRefProp, HashType, TrustLevel
} = tie

const METADATA = '/mcafee/service/tie/file/update_metadata'
const isNow = seconds => assert.ok(Math.abs(seconds - Date.now() / 1000) < 600, `not the time: ${seconds}`)
const LOCAL_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

let serial = 0
// A certificate that no other test uses: its SHA-1 and that of its key.
const newCertificate = () => [digest('sha1', `certificate ${process.pid} ${serial}`), digest('sha1', `key ${serial++}`)]

// Metadata is a request that is never answered (topics 8 and 9).
function tell (client, hashes, more) {
  client.asyncRequest(request(METADATA, { hashes: wireHashes(hashes), ...more }), () => assert.fail('metadata was answered'))
}

function request (topic, payload) {
  const { Request } = require('@opendxl/dxl-client')
  const made = new Request(topic)
  made.payload = JSON.stringify(payload)
  return made
}

function checkEntries (reputations, providers) {
  assert.deepStrictEqual(Object.keys(reputations), providers.map(String))
  for (const provider of providers) {
    const entry = reputations[provider]
    assert.strictEqual(entry[FileReputationProp.PROVIDER_ID], provider)
    assert.ok(Object.values(TrustLevel).includes(entry[FileReputationProp.TRUST_LEVEL]))
    isNow(entry[FileReputationProp.CREATE_DATE])
    for (const value of Object.values(entry[FileReputationProp.ATTRIBUTES])) assert.strictEqual(typeof value, 'string')
  }
}

test('get file reputation: an unknown file has what the samples index', async () => {
  const answer = await getFile(await connect(CONFIG_NONE), newDigests())
  checkEntries(answer, [FileProvider.GTI, FileProvider.ENTERPRISE])
  assert.deepStrictEqual(levels(answer), { 1: TrustLevel.NOT_SET, 3: TrustLevel.NOT_SET })
  assert.deepStrictEqual(answer[FileProvider.GTI].attributes, { [FileGtiAttrib.ORIGINAL_RESPONSE]: '0' })
  const attributes = answer[FileProvider.ENTERPRISE].attributes
  assert.strictEqual(attributes[FileEnterpriseAttrib.PREVALENCE], '0')
  assert.match(EpochUtil.toLocalTimeString(attributes[FileEnterpriseAttrib.FIRST_CONTACT]), LOCAL_TIME)
  isNow(EpochUtil.toLocalTime(attributes[FileEnterpriseAttrib.FIRST_CONTACT]) / 1000)
  assert.match(attributes[FileEnterpriseAttrib.ENTERPRISE_SIZE], /^\d+$/)
  assert.strictEqual(attributes[FileEnterpriseAttrib.FILE_NAME_COUNT], '0')
  const version = attributes[FileEnterpriseAttrib.SERVER_VERSION]
  assert.match(FileEnterpriseAttrib.toVersionString(version), /^3\.\d+\.\d+\.\d+$/)
  assert.deepStrictEqual(FileEnterpriseAttrib.toVersionArray(version).slice(0, 1), [3])
})

test('set file reputation: every level, by each type of digest', async () => {
  const client = await connect(CONFIG_ALL)
  const hashes = newDigests()
  const types = Object.values(HashType)
  assert.deepStrictEqual(types.sort(), Object.keys(hashes).sort())
  await setFile(client, TrustLevel.UNKNOWN, hashes)
  for (const [index, level] of Object.values(TrustLevel).entries()) {
    const type = types[index % types.length]
    await setFile(client, level, { [type]: hashes[type] })
    for (const one of types)
      assert.strictEqual((await getFile(client, { [one]: hashes[one] }))[FileProvider.ENTERPRISE].trustLevel, level)
  }
})

test('set file reputation: what the client lets through and what it does not', async () => {
  const client = await connect(CONFIG_ALL)
  const hashes = newDigests()
  for (const [level, text] of [[undefined, /^trustLevel was not specified$/], [null, /^trustLevel was not specified$/],
    ['high', /^trustLevel was not a number$/]])
    await assert.rejects(setFile(client, level, hashes), { name: 'TypeError', message: text })
  await assert.rejects(setFile(client, 7, hashes), error => {
    assert.match(error.message, /not one of the nine levels/)
    assert.strictEqual(error.code, '')
    return codeOf(error) === 3
  })
  // Bad hexadecimal is cut off by the client, and what is left is no digest.
  await assert.rejects(setFile(client, 99, { md5: 'abzz' }), error => codeOf(error) === 2)
  await assert.rejects(setFile(client, 99, {}), error => codeOf(error) === 2)
  assert.deepStrictEqual(levels(await getFile(client, hashes)), { 1: 0, 3: 0 })
  await setFile(client, '85', hashes)
  assert.strictEqual((await getFile(client, hashes))[3].trustLevel, TrustLevel.MOST_LIKELY_TRUSTED)
  await setFile(client, true, hashes) // the client makes 1 of it
  assert.strictEqual((await getFile(client, hashes))[3].trustLevel, TrustLevel.KNOWN_MALICIOUS)
  await setFile(client, false, hashes)
  assert.strictEqual((await getFile(client, hashes))[3].trustLevel, TrustLevel.NOT_SET)
})

test('file first references: who asked, the limit, null', async () => {
  const [one, other] = [await connect(CONFIG_ALL), await connect(CONFIG_NONE)]
  const hashes = newDigests()
  assert.deepStrictEqual(await tieCall(one, 'getFileFirstReferences', hashes), [])
  await getFile(one, hashes)
  const references = client => tieCall(client, 'getFileFirstReferences', hashes)
  await until('one reference', () => references(one), list => list.length === 1)
  await getFile(other, hashes)
  const both = await until('two references', () => references(one), list => list.length === 2)
  assert.deepStrictEqual(both.map(system => system[FirstRefProp.SYSTEM_GUID]).sort(), [SHA1_ALL, SHA1_NONE].sort())
  for (const system of both) {
    isNow(system[FirstRefProp.DATE])
    assert.match(EpochUtil.toLocalTimeString(system[FirstRefProp.DATE]), LOCAL_TIME)
  }
  assert.strictEqual((await tieCall(one, 'getFileFirstReferences', hashes, 1)).length, 1)
  assert.strictEqual((await tieCall(one, 'getFileFirstReferences', hashes, -5)).length, 1)
  assert.strictEqual((await tieCall(one, 'getFileFirstReferences', hashes, 1e30)).length, 2)
  assert.strictEqual((await tieCall(one, 'getFileFirstReferences', hashes, null)).length, 2)
})

test('get and set certificate reputation, with and without the key', async () => {
  const client = await connect(CONFIG_ALL)
  for (const withKey of [true, false]) {
    const [sha1, key] = newCertificate()
    const which = withKey ? [sha1, key] : [sha1]
    const unknown = await tieCall(client, 'getCertificateReputation', ...which)
    checkEntries(unknown, [CertProvider.GTI, CertProvider.ENTERPRISE])
    assert.deepStrictEqual(levels(unknown), { 2: 0, 4: 0 })
    const attributes = unknown[CertProvider.ENTERPRISE][CertReputationProp.ATTRIBUTES]
    assert.strictEqual(attributes[CertEnterpriseAttrib.PREVALENCE], '0')
    assert.strictEqual(attributes[CertEnterpriseAttrib.HAS_FILE_OVERRIDES], '0')
    isNow(Number(attributes[CertEnterpriseAttrib.FIRST_CONTACT]))
    assert.match(CertEnterpriseAttrib.toVersionString(attributes[CertEnterpriseAttrib.SERVER_VERSION]), /^3\./)
    // Nobody asks a cloud: these are left out, not wrong.
    for (const name of [CertGtiAttrib.PREVALENCE, CertGtiAttrib.FIRST_CONTACT, CertGtiAttrib.REVOKED])
      assert.strictEqual(unknown[CertProvider.GTI].attributes[name], undefined)
    assert.strictEqual(unknown[CertProvider.ENTERPRISE][CertReputationProp.OVERRIDDEN], undefined)

    await tieCall(client, 'setCertificateReputation', TrustLevel.MIGHT_BE_MALICIOUS, sha1, withKey ? key : '', 'by JavaScript')
    const after = await tieCall(client, 'getCertificateReputation', sha1)
    assert.strictEqual(after[CertProvider.ENTERPRISE][CertReputationProp.TRUST_LEVEL], TrustLevel.MIGHT_BE_MALICIOUS)
  }
  await assert.rejects(tieCall(client, 'getCertificateReputation', 'abcd'), error => codeOf(error) === 2)
})

test('certificate first references', async () => {
  const client = await connect(CONFIG_NONE)
  const [sha1, key] = newCertificate()
  assert.deepStrictEqual(await tieCall(client, 'getCertificateFirstReferences', sha1, key), [])
  await tieCall(client, 'getCertificateReputation', sha1, key)
  for (const rest of [[sha1, key], [sha1, null, 10], [sha1]]) {
    const list = await until('a reference', () => tieCall(client, 'getCertificateFirstReferences', ...rest), found => found.length)
    assert.deepStrictEqual(list.map(system => system[FirstRefProp.SYSTEM_GUID]), [SHA1_NONE])
  }
  const after = await tieCall(client, 'getCertificateReputation', sha1)
  assert.strictEqual(after[CertProvider.ENTERPRISE].attributes[CertEnterpriseAttrib.PREVALENCE], '1')
})

test('file reputation change callback: both snapshots whole, the signer in hexadecimal', async () => {
  const [client, watcher] = [await connect(CONFIG_ALL), await connect(CONFIG_NONE)]
  const hashes = newDigests()
  const [certificate, key] = newCertificate()
  tell(client, hashes, { certSha1: base64(certificate), certPublicKeySha1: base64(key), name: 'signed.exe' })
  await until('the metadata', () => getFile(client, hashes), answer => answer[3].attributes['2114965'] === '1')
  const changes = new Seen()
  new tie.TieClient(watcher).addFileReputationChangeCallback((change, event) => changes.add([change, event]))
  await settle(watcher)
  await setFile(client, TrustLevel.KNOWN_MALICIOUS, { sha256: hashes.sha256 })
  const [change, event] = await changes.find('the change', ([each]) => each[FileRepChangeEventProp.HASHES].md5 === hashes.md5)
  assert.strictEqual(event.destinationTopic, '/mcafee/event/tie/file/repchange/broadcast')
  assert.deepStrictEqual(change[FileRepChangeEventProp.HASHES], hashes)
  checkEntries(change[FileRepChangeEventProp.OLD_REPUTATIONS], [1, 3])
  checkEntries(change[FileRepChangeEventProp.NEW_REPUTATIONS], [1, 3])
  assert.deepStrictEqual(levels(change[FileRepChangeEventProp.OLD_REPUTATIONS]), { 1: 0, 3: 0 })
  assert.deepStrictEqual(levels(change[FileRepChangeEventProp.NEW_REPUTATIONS]), { 1: 0, 3: TrustLevel.KNOWN_MALICIOUS })
  isNow(change[FileRepChangeEventProp.UPDATE_TIME])
  assert.deepStrictEqual(change[FileRepChangeEventProp.RELATIONSHIPS],
    { certificate: { hashes: { sha1: certificate }, publicKeySha1: key } })

  // Its override now shows where the client looks for those of the certificate, in hexadecimal.
  const signer = (await tieCall(client, 'getCertificateReputation', certificate))[CertProvider.ENTERPRISE]
  assert.strictEqual(signer.attributes[CertEnterpriseAttrib.HAS_FILE_OVERRIDES], '1')
  const overridden = signer[CertReputationProp.OVERRIDDEN]
  assert.deepStrictEqual(overridden[CertReputationOverriddenProp.FILES], [{ hashes }])
  assert.strictEqual(overridden[CertReputationOverriddenProp.TRUNCATED], 0)
})

test('certificate reputation change callback', async () => {
  const [client, watcher] = [await connect(CONFIG_ALL), await connect(CONFIG_NONE)]
  const [sha1, key] = newCertificate()
  const changes = new Seen()
  new tie.TieClient(watcher).addCertificateReputationChangeCallback((change, event) => changes.add([change, event]))
  await settle(watcher)
  await tieCall(client, 'setCertificateReputation', TrustLevel.KNOWN_TRUSTED_INSTALLER, sha1, key, '')
  const [change, event] = await changes.find('the change', ([each]) => each[CertRepChangeEventProp.HASHES].sha1 === sha1)
  assert.strictEqual(event.destinationTopic, '/mcafee/event/tie/cert/repchange/broadcast')
  assert.strictEqual(change[CertRepChangeEventProp.PUBLIC_KEY_SHA1], key)
  assert.deepStrictEqual(levels(change[CertRepChangeEventProp.OLD_REPUTATIONS]), { 2: 0, 4: 0 })
  assert.deepStrictEqual(levels(change[CertRepChangeEventProp.NEW_REPUTATIONS]),
    { 2: 0, 4: TrustLevel.KNOWN_TRUSTED_INSTALLER })
  isNow(change[CertRepChangeEventProp.UPDATE_TIME])
})

test('detection callback, and the statistics of endpoints in the next answer', async () => {
  const [endpoint, watcher] = [await connect(CONFIG_NONE), await connect(CONFIG_ALL)]
  const [hashes, parent] = [newDigests(), newDigests()]
  const detections = new Seen()
  new tie.TieClient(watcher).addFileDetectionCallback((detection, event) => detections.add([detection, event]))
  await settle(watcher)
  await setFile(watcher, TrustLevel.KNOWN_TRUSTED, parent)
  const agentGuid = '{3a6f574a-3e6f-436d-acd4-bcde336b054d}'
  for (const localRep of [15, 50])
    tell(endpoint, hashes, { agentGuid, localRep, name: 'virus.exe', parentSha1: base64(parent.sha1), parentLocalRep: 70 })
  tell(endpoint, hashes, { agentGuid, remediation: 5, localRep: 1, name: 'virus.exe' })
  const [detection, event] = await detections.find('the detection', ([each]) => each.hashes.md5 === hashes.md5)
  assert.strictEqual(event.destinationTopic, '/mcafee/event/tie/file/detection')
  isNow(detection[DetectionEventProp.DETECTION_TIME])
  delete detection[DetectionEventProp.DETECTION_TIME]
  assert.deepStrictEqual(detection, {
    [DetectionEventProp.SYSTEM_GUID]: agentGuid,
    [DetectionEventProp.HASHES]: hashes,
    [DetectionEventProp.LOCAL_REPUTATION]: TrustLevel.KNOWN_MALICIOUS,
    [DetectionEventProp.NAME]: 'virus.exe',
    [DetectionEventProp.REMEDIATION_ACTION]: 5
  })

  const { attributes } = (await getFile(watcher, hashes))[FileProvider.ENTERPRISE]
  assert.strictEqual(attributes[FileEnterpriseAttrib.DETECTION_COUNT], '1')
  isNow(Number(attributes[FileEnterpriseAttrib.LAST_DETECTION_TIME]))
  assert.strictEqual(attributes[FileEnterpriseAttrib.FILE_NAME_COUNT], '1')
  assert.strictEqual(attributes[FileEnterpriseAttrib.IS_PREVALENT], '0')
  assert.strictEqual(attributes[FileEnterpriseAttrib.MIN_LOCAL_REP], '1')
  assert.strictEqual(attributes[FileEnterpriseAttrib.MAX_LOCAL_REP], '50')
  assert.strictEqual(attributes[FileEnterpriseAttrib.AVG_LOCAL_REP], '22')
  assert.strictEqual(attributes[FileEnterpriseAttrib.PARENT_MIN_LOCAL_REP], '70')
  assert.strictEqual(attributes[FileEnterpriseAttrib.PARENT_MAX_LOCAL_REP], '70')
  assert.strictEqual(attributes[FileEnterpriseAttrib.PARENT_AVG_LOCAL_REP], '70')
  assert.deepStrictEqual(FileEnterpriseAttrib.toAggregateArray(attributes[FileEnterpriseAttrib.PARENT_FILE_REPS]),
    [2, 70, 70, 70, 70])
  const children = (await getFile(watcher, parent))[FileProvider.ENTERPRISE].attributes[FileEnterpriseAttrib.CHILD_FILE_REPS]
  assert.deepStrictEqual(FileEnterpriseAttrib.toAggregateArray(children), [2, 50, 15, 50, 32.5])
})

test('first instance callback: once per file', async () => {
  const [endpoint, watcher] = [await connect(CONFIG_NONE), await connect(CONFIG_ALL)]
  const [hashes, last] = [newDigests(), newDigests()]
  const seen = new Seen()
  new tie.TieClient(watcher).addFileFirstInstanceCallback((instance, event) => seen.add([instance, event]))
  await settle(watcher)
  await setFile(watcher, TrustLevel.UNKNOWN, hashes, 'first.exe')
  for (const asked of [hashes, hashes, last]) await getFile(endpoint, asked)
  await seen.find('the last first instance', ([each]) => each.hashes.md5 === last.md5)
  const ours = seen.all.filter(([each]) => each.hashes.md5 === hashes.md5)
  assert.strictEqual(ours.length, 1)
  const [instance, event] = ours[0]
  assert.strictEqual(event.destinationTopic, '/mcafee/event/tie/file/firstinstance')
  assert.deepStrictEqual(instance, {
    [FirstInstanceEventProp.SYSTEM_GUID]: SHA1_NONE,
    [FirstInstanceEventProp.HASHES]: hashes,
    [FirstInstanceEventProp.NAME]: 'first.exe'
  })
})

// No callback of this client can ever be removed: two of the four calls add another one, which gets the raw event, and
// two look for a function that was never registered. Ours bears both.
test('removing callbacks does to our events what the client does', async () => {
  const [client, watcher] = [await connect(CONFIG_ALL), await connect(CONFIG_NONE)]
  const tieClient = new tie.TieClient(watcher)
  const [sha1, key] = newCertificate()
  const hashes = newDigests()
  const [changes, certChanges, instances, detections] = [new Seen(), new Seen(), new Seen(), new Seen()]
  for (const [name, seen] of [['FileReputationChange', changes], ['CertificateReputationChange', certChanges],
    ['FileFirstInstance', instances], ['FileDetection', detections]]) {
    const callback = (...what) => seen.add(what)
    tieClient[`add${name}Callback`](callback)
    tieClient[`remove${name}Callback`](callback)
  }
  await settle(watcher)
  await setFile(client, TrustLevel.UNKNOWN, hashes)
  await tieCall(client, 'setCertificateReputation', TrustLevel.UNKNOWN, sha1, key, '')
  await getFile(client, hashes)
  tell(client, hashes, { remediation: 5 })
  await detections.find('a raw detection', what => what.length === 1)
  await instances.find('the first instance', what => what[0].hashes.md5 === hashes.md5)
  assert.deepStrictEqual(changes.all.map(what => what.length), [2, 1])
  assert.deepStrictEqual(detections.all.map(what => what.length), [2, 1])
  assert.deepStrictEqual(certChanges.all.map(what => what.length), [2])
  assert.deepStrictEqual(instances.all.map(what => what.length), [2])
})

// The published client has no call for it; its fork writes the members in this order.
test('an External report as the fork of the client sends it', async () => {
  const [client, watcher] = [await connect(CONFIG_ALL), await connect(CONFIG_NONE)]
  const hashes = newDigests()
  const changes = new Seen()
  new tie.TieClient(watcher).addFileReputationChangeCallback(change => changes.add(change))
  await settle(watcher)
  const report = score => publish(client, '/mcafee/event/external/file/report', JSON.stringify({
    file: { attributes: { filename: 'random.exe' }, type: 18, hashes, reputation: { score } },
    provider: { id: 15 },
    comment: 'External Reputation set via OpenDXL'
  }))
  report(TrustLevel.MIGHT_BE_TRUSTED)
  await changes.find('the change', each => each.hashes.md5 === hashes.md5)
  const answer = await getFile(watcher, hashes)
  checkEntries(answer, [1, 3, 15])
  assert.deepStrictEqual(levels(answer), { 1: 0, 3: 0, 15: TrustLevel.MIGHT_BE_TRUSTED })
  report(TrustLevel.NOT_SET) // the fork allows it: a withdrawal
  const change = await changes.find('the withdrawal', each => each.oldReputations[15] && each.hashes.md5 === hashes.md5)
  assert.deepStrictEqual(levels(change.newReputations), { 1: 0, 3: 0 })
})

test('a sandbox report shows as ATD with its scores', async () => {
  const [sandbox, client] = [await connect(CONFIG_SANDBOX), await connect(CONFIG_NONE)]
  const hashes = newDigests()
  publish(sandbox, '/mcafee/event/atd/file/report', JSON.stringify({
    Summary: {
      Event_Type: 'ATD File Report',
      Subject: { Name: 'a.exe', md5: hashes.md5.toUpperCase(), 'sha-1': hashes.sha1.toUpperCase(), 'sha-256': hashes.sha256.toUpperCase() },
      Selectors: [{ Engine: 'Gateway Anti-Malware', Severity: '3' }, { Engine: 'Anti-Malware', Severity: '-1' },
        { Engine: 'Sandbox', Severity: '4' }],
      Verdict: { Severity: '5', Description: 'Malicious' }
    }
  }))
  const answer = await until('the verdict', () => getFile(client, hashes), each => each[FileProvider.ATD])
  checkEntries(answer, [FileProvider.GTI, FileProvider.ENTERPRISE, FileProvider.ATD])
  assert.strictEqual(answer[FileProvider.MWG], undefined)
  const { trustLevel, attributes } = answer[FileProvider.ATD]
  assert.strictEqual(trustLevel, TrustLevel.KNOWN_MALICIOUS)
  assert.deepStrictEqual(attributes, {
    [AtdAttrib.GAM_SCORE]: String(AtdTrustLevel.MIGHT_BE_MALICIOUS),
    [AtdAttrib.AV_ENGINE_SCORE]: String(AtdTrustLevel.KNOWN_TRUSTED),
    [AtdAttrib.SANDBOX_SCORE]: String(AtdTrustLevel.MOST_LIKELY_MALICIOUS),
    [AtdAttrib.VERDICT]: String(AtdTrustLevel.KNOWN_MALICIOUS)
  })
  assert.strictEqual(attributes[AtdAttrib.BEHAVIORS], undefined)
})

test('answers end as the client can read them: no NUL, no line end', async () => {
  const response = await ask(await connect(CONFIG_NONE), '/mcafee/service/tie/file/reputation',
    JSON.stringify({ hashes: wireHashes(newDigests()) }))
  assert.match(String(response.payload), /\}$/)
})
