'use strict'
// Lookups one after the other by npm's unmodified TIE client: CONFIG SECONDS FILES. Prints one JSON object.

const path = require('node:path')
const modules = path.join(__dirname, '..', 'tests', 'interop', 'node_modules')
const dxl = require(path.join(modules, '@opendxl', 'dxl-client'))
const tie = require(path.join(modules, '@opendxl', 'dxl-tie-client'))

const [config, seconds, files] = process.argv.slice(2)

// As file() of sdk_bench.cpp.
function digest (number, size) {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < 4; ++i) bytes[i] = bytes[size - 1 - i] = (number >> (8 * i)) & 255
  return bytes.toString('hex')
}
const requests = Array.from({ length: Number(files) }, (_, i) => ({
  [tie.HashType.MD5]: digest(i, 16), [tie.HashType.SHA1]: digest(i, 20), [tie.HashType.SHA256]: digest(i, 32)
}))

const client = new dxl.Client(dxl.Config.createDxlConfigFromFile(config))
client.connect(() => {
  const tieClient = new tie.TieClient(client)
  const times = []
  const begin = process.hrtime.bigint()
  const passed = since => Number(process.hrtime.bigint() - since) / 1e9
  const next = () => {
    if (passed(begin) >= Number(seconds)) {
      const total = passed(begin)
      times.sort((a, b) => a - b)
      console.log(JSON.stringify({
        lookupsPerSecond: Math.round(times.length / total),
        p50us: Math.round(times[times.length >> 1] * 1e6),
        p99us: Math.round(times[Math.floor(times.length * 0.99)] * 1e6)
      }))
      process.exit()
    }
    const before = process.hrtime.bigint()
    tieClient.getFileReputation(error => {
      if (error) throw error
      times.push(passed(before))
      next()
    }, requests[times.length % requests.length])
  }
  next()
})
