// A real loki-canary pushes, reads its entries over a websocket and queries missing ones, while the store is killed once.
// Nothing may be missing, repeated or out of order, also on the websocket. CI builds it from e2e/fixtures/loki-tools, and
// shortens the 5 minutes with SKALD_CANARY_SECONDS. Elsewhere it comes from the PATH, and without it the test is skipped.

import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test, test } from 'tap'
import { awaitCiProgram } from './ci-programs.ts'
import { startStore } from './harness.ts'
import { loopbackHost, reservePort } from './skald-process.ts'

const seconds = Number(process.env.SKALD_CANARY_SECONDS ?? 300)
root.setTimeout((seconds + 180) * 1000)
const program = (await awaitCiProgram('loki-canary', '-version')) ?? ''
const skip = program ? false : 'there is no loki-canary on the PATH'

/** How long the canary waits for an entry on the websocket before it queries for it. */
const waitSeconds = 20

test('loki-canary misses nothing over a kill', { skip }, async t => {
  t.setTimeout((seconds + 180) * 1000)
  const store = await startStore(t, { dir: t.testdir() })
  const port = await reservePort()
  const canary = spawn(program, [
    `-addr=${new URL(store.url).host}`,
    '-push=true',
    `-port=${port}`,
    // The canary considers a tail broken after ten intervals without an entry. This interval is
    // long enough for a busy machine.
    '-interval=500ms',
    `-wait=${waitSeconds}s`,
    `-max-wait=${3 * waitSeconds}s`,
    '-pruneinterval=5s',
    '-spot-check-interval=10s',
    '-spot-check-query-rate=20s',
    '-metric-test-interval=30s',
    '-metric-test-range=60s',
  ])
  t.teardown(() => canary.kill('SIGKILL'))
  let log = ''
  canary.stderr.on('data', chunk => {
    log = `${log}${chunk}`.slice(-4000)
  })
  const url = `http://${loopbackHost}:${port}/metrics`
  await sleep((seconds * 1000) / 3)
  await checkCounters(t, url)
  // The canary tails again ten seconds later without saying what it has. The store knows.
  await store.kill()
  await sleep(1000)
  await store.start()
  await sleep((seconds * 2000) / 3)
  // Entries pushed from now on are not awaited; missing ones are known by then.
  const counters = await checkCounters(t, url)
  t.ok(counters.get('entries_total')! > seconds, `${counters.get('entries_total')} entries`)
  t.equal(counters.get('ws_reconnects_total'), 1, 'the websocket was opened again once')
  if (!t.passing()) t.comment(log)
})

/** Checks that the canary has found nothing wrong so far. Returns all its counters. */
async function checkCounters(t: Test, url: string): Promise<Map<string, number>> {
  const counters = await readCounters(url)
  for (const name of [
    'missing_entries_total',
    'websocket_missing_entries_total',
    'duplicate_entries_total',
    'unexpected_entries_total',
    'out_of_order_entries_total',
    'spot_check_missing_entries_total',
  ]) {
    t.equal(counters.get(name), 0, `${name} ${counters.get(name)}`)
  }
  return counters
}

/** Reads the canary's counters, without their prefix. */
async function readCounters(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(url)).text()
  const lines = text.matchAll(/^loki_canary_(\w+) (\S+)$/gm)
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]))
}
