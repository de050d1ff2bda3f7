// What `helm test` runs, with nothing but Node: asks the store, pushes a line and reads it back, and
// waits until lines of the agent arrive.

import process from 'node:process'

const { LOKI_URL, TENANT = '', TOKEN = '' } = process.env
const { WITH_AGENT = 'false', TIMEOUT_SECONDS = '120' } = process.env
const deadlineMs = Date.now() + Number(TIMEOUT_SECONDS) * 1000
const headers = {
  ...(TENANT !== '' && { 'X-Scope-OrgID': TENANT }),
  ...(TOKEN !== '' && { Authorization: `Bearer ${TOKEN}` }),
}

async function ask(path, params = {}) {
  const response = await fetch(`${LOKI_URL}${path}?${new URLSearchParams(params)}`, {
    headers,
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${text.trim()}`)
  return text
}

async function askJson(path, params) {
  return JSON.parse(await ask(path, params))
}

async function push(line, timestampNs) {
  const response = await fetch(`${LOKI_URL}/loki/api/v1/push`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({
      streams: [{ stream: { app: 'loki-test' }, values: [[timestampNs, line]] }],
    }),
    signal: AbortSignal.timeout(10_000),
  })
  if (response.status !== 204) {
    throw new Error(`the push was answered ${response.status}: ${(await response.text()).trim()}`)
  }
}

/** Repeats a check once a second until it holds; the last reason is told when time is over. */
async function step(name, check) {
  for (;;) {
    let reason
    try {
      reason = await check()
    } catch (error) {
      reason = error.cause?.message ?? error.message
    }
    if (reason === undefined) return console.log(`ok - ${name}`)
    if (Date.now() > deadlineMs) {
      console.log(`not ok - ${name}: ${reason}`)
      process.exit(1)
    }
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
}

await step(`the store answers at ${LOKI_URL}`, async () => {
  await ask('/ready')
})

await step('a pushed line is found', async () => {
  const line = `helm test ${Math.random().toString(36).slice(2)}`
  await push(line, `${Date.now()}000000`)
  const { data } = await askJson('/loki/api/v1/query_range', {
    query: `{app="loki-test"} |= "${line}"`,
    limit: '1',
  })
  const found = data.result.flatMap(({ values }) => values.map(value => value[1]))
  return found.includes(line) ? undefined : `asked for "${line}", got ${JSON.stringify(found)}`
})

if (WITH_AGENT === 'true') {
  await step('lines of the agent arrive: label pod', async () => {
    const { data = [] } = await askJson('/loki/api/v1/labels')
    return data.includes('pod') ? undefined : `labels are ${data.join(', ') || 'none yet'}`
  })
  await step('lines of the store itself arrive: {app="loki"}', async () => {
    const { streams = [] } = await askJson('/api/prom/query', { query: '{app="loki"}', limit: '10' })
    return streams.some(({ entries }) => entries.length > 0) ? undefined : 'none yet'
  })
}
