import { appendFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { test } from 'tap'
import { configText, startReceiver, startTestAgent } from '../harness.ts'

/** Reads a profile: its units and samples, as function names from the innermost out. */
function readProfile(bytes: ArrayBuffer) {
  const profile = Profile.decode(gunzipSync(Buffer.from(bytes)))
  const { strings } = profile.stringTable
  const functions = new Map(profile.function.map(of => [of.id, of]))
  const locations = new Map(profile.location.map(of => [of.id, of]))
  const frame = (location: number | bigint) => {
    const of = functions.get(locations.get(location)!.line[0]!.functionId)!
    return `${strings[Number(of.name)]} ${strings[Number(of.filename)]}`
  }
  return {
    units: profile.sampleType.map(of => `${strings[Number(of.type)]}/${strings[Number(of.unit)]}`),
    seconds: Number(profile.durationNanos) / 1e9,
    samples: profile.sample.map(({ locationId, value }) => ({
      frames: locationId.map(frame),
      values: value.map(Number),
    })),
  }
}

test('Profiles of the running agent are taken where it is told so', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  const withProfiles = config.replace('server: {', 'server: {profiling_enabled: true, ')
  const agent = await startTestAgent(t, withProfiles)
  const get = (path: string) => fetch(`${agent.url}/debug/${path}`)
  const writer = setInterval(
    () => appendFileSync(`${directory}/a.log`, 'a line\n'.repeat(20_000)),
    50,
  )
  t.teardown(() => clearInterval(writer))

  const cpu = await get('pprof/profile?seconds=1')
  t.equal(cpu.status, 200)
  const { units, seconds, samples } = readProfile(await cpu.arrayBuffer())
  t.same(units, ['samples/count', 'cpu/nanoseconds'])
  t.ok(seconds >= 1 && seconds < 10, `${seconds} s`)
  const isReading = ({ frames }: { frames: readonly string[] }) =>
    frames.some(frame => frame.includes('packages/agent/src/tail/'))
  t.ok(samples.some(isReading), 'reading is in it')
  t.notOk(samples.some(({ frames }) => frames[0]?.startsWith('(idle)')))
  const cpuNs = samples.reduce((sum, { values }) => sum + values[1]!, 0)
  t.ok(cpuNs > 0 && cpuNs < seconds * 1.2e9, `${cpuNs} ns of ${seconds} s`)

  const wall = readProfile(await (await get('fgprof?seconds=0.2')).arrayBuffer())
  t.same(wall.units, ['samples/count', 'time/nanoseconds'])

  const heap = readProfile(await (await get('pprof/heap?seconds=1')).arrayBuffer())
  t.same(heap.units, ['inuse_space/bytes'])
  t.ok(heap.samples.every(({ values: [bytes = 0] }) => bytes > 0))
  t.ok(heap.samples.length > 0)

  t.match(await (await get('pprof/')).text(), '/debug/pprof/heap')
})

test('Only one profile runs at a time, for a limited time, and it ends with its client', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const config = configText({ directory, url: 'http://127.0.0.1:1/' })
  const withProfiles = config.replace('server: {', 'server: {profiling_enabled: true, ')
  const agent = await startTestAgent(t, withProfiles)
  const get = (query: string, signal?: AbortSignal) =>
    fetch(`${agent.url}/debug/pprof/profile?seconds=${query}`, signal ? { signal } : {})
  for (const bad of ['0', '-1', 'soon', '301', 'NaN']) t.equal((await get(bad)).status, 400, bad)
  const client = new AbortController()
  const first = get('100', client.signal).catch(() => 'gone')
  let second = await get('0.1')
  while (second.status === 200) second = await get('0.1')
  t.equal(second.status, 409)
  t.match(await second.text(), 'only one is at a time')
  client.abort()
  t.equal(await first, 'gone')
  while (second.status !== 200) second = await get('0.1')
  t.ok(readProfile(await second.arrayBuffer()).seconds < 10)
})

test('Profiles are not available unless enabled', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const agent = await startTestAgent(t, configText({ directory, url: 'http://127.0.0.1:1/' }))
  t.equal((await fetch(`${agent.url}/debug/pprof/profile?seconds=1`)).status, 404)
  t.equal((await fetch(`${agent.url}/debug/fgprof?seconds=1`)).status, 404)
})
