'use strict'
// The npm client with a configuration that its own command line got from our management port.
// provisioning.py starts the fabric, provisions and passes the configuration.

const assert = require('node:assert')
const { test, after } = require('node:test')

const dxl = require('@opendxl/dxl-client')

const { CONFIG, SCHEME } = process.env
const DEADLINE = 30000
let client

after(() => { client && client.destroy() })

function withDeadline (what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('waited for ' + what)), DEADLINE)
    start(value => { clearTimeout(timer); resolve(value) },
      error => { clearTimeout(timer); reject(error) })
  })
}

test('connects and gets an answer over ' + SCHEME, async () => {
  client = new dxl.Client(dxl.Config.createDxlConfigFromFile(CONFIG))
  await withDeadline('the connection', resolve => client.connect(resolve))
  assert.strictEqual(client._mqttClient.options.protocol, SCHEME)
  const response = await withDeadline('an answer of the broker', (resolve, reject) => {
    const request = new dxl.Request('/mcafee/service/dxl/svcregistry/query')
    request.payload = '{}'
    client.asyncRequest(request, (error, answer) => error ? reject(error) : resolve(answer))
  })
  assert.ok(response.payload.length > 0)
})
