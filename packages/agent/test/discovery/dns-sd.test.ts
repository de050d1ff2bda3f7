// Runs against a server that answers as RFC 1035 describes.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import pino from 'pino'
import { type Test, test } from 'tap'
import { createDnsDiscovery, type DnsConfig } from '../../src/discovery/dns-sd.ts'
import type { TargetGroup } from '../../src/discovery/target-group.ts'
import { ConfigError, loadAgentConfig } from '../../src/index.ts'
import { AgentMetrics } from '../../src/metrics/agent-metrics.ts'
import { waitFor } from '../harness.ts'

const types: Readonly<Record<string, number>> = { A: 1, NS: 2, MX: 15, AAAA: 28, SRV: 33 }
const noSuchName = 3
const serverFailure = 2

function encodeName(name: string): Buffer {
  const parts = name.split('.').map(part => Buffer.from([part.length, ...Buffer.from(part)]))
  return Buffer.concat([...parts, Buffer.from([0])])
}

const u16 = (...values: number[]) => Buffer.from(values.flatMap(value => [value >> 8, value & 255]))

/** Records by `TYPE name`. A number is an error code. */
type Zone = Record<string, readonly Buffer[] | number>

/** Starts a DNS server and returns its address. */
async function startDns(t: Test, zone: () => Zone): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    let end = 12
    const labels: string[] = []
    while (query[end] !== 0) {
      labels.push(query.toString('latin1', end + 1, end + 1 + query[end]!))
      end += 1 + query[end]!
    }
    const type = query.readUInt16BE(end + 1)
    const question = query.subarray(12, end + 5)
    const typeName = Object.keys(types).find(name => types[name] === type)
    const found = zone()[`${typeName} ${labels.join('.').toLowerCase()}`] ?? noSuchName
    const records = typeof found === 'number' ? [] : found
    const code = typeof found === 'number' ? found : 0
    const answers = records.map(data =>
      // The name is the one at byte 12; the TTL is a minute.
      Buffer.concat([u16(0xc00c, type, 1, 0, 60, data.length), data]),
    )
    const header = Buffer.concat([
      query.subarray(0, 2),
      u16(0x8180 | code, 1, records.length, 0, 0),
    ])
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

/** Runs a discovery. Returns the labels of all targets without the common prefix. */
function discover(t: Test, server: string, config: Partial<DnsConfig>) {
  const context = {
    ...{ jobName: 'test', hostname: 'host', env: {}, logger: pino({ level: 'silent' }) },
    metrics: new AgentMetrics({ version: 'test' }),
    userAgent: 'skald-agent/test',
  }
  const all = { names: ['x.test'], type: 'SRV' as const, port: 0, refreshMs: 20, ...config }
  const discovery = createDnsDiscovery(all, context, [server])
  let groups: readonly TargetGroup[] | undefined
  let updates = 0
  discovery.start(found => {
    groups = [...found]
    updates++
  })
  t.teardown(() => discovery.stop())
  const labels = () =>
    groups?.flatMap(({ targets }) =>
      targets.map(target =>
        Object.fromEntries(
          [...target].map(([name, value]) => [name.replace('__meta_dns_', ''), value]),
        ),
      ),
    )
  return { labels, groups: () => groups, updates: () => updates }
}

const srv = (port: number, target: string) => Buffer.concat([u16(1, 1, port), encodeName(target)])

test('dns_sd_configs gives a target for each record, of every type', async t => {
  const server = await startDns(t, () => ({
    'SRV _log._tcp.x.test': [srv(8080, 'a.x.test'), srv(81, 'b.x.test')],
    'A x.test': [Buffer.from([10, 0, 0, 1])],
    'AAAA x.test': [Buffer.from('20010db8000000000000000000000001', 'hex')],
    'MX x.test': [Buffer.concat([u16(10), encodeName('mail.x.test')])],
    'NS x.test': [encodeName('ns.x.test')],
  }))
  const f = async (config: Partial<DnsConfig>, want: object[]) => {
    const { labels } = discover(t, server, config)
    await waitFor(() => labels() !== undefined)
    const byAddress = (a: Record<string, string>, b: Record<string, string>) =>
      a.__address__! < b.__address__! ? -1 : 1
    t.same(labels()!.toSorted(byAddress), want, config.type ?? 'SRV')
  }
  const name = '_log._tcp.x.test'
  await f({ names: [name] }, [
    { name, __address__: 'a.x.test:8080', srv_record_target: 'a.x.test.', srv_record_port: '8080' },
    { name, __address__: 'b.x.test:81', srv_record_target: 'b.x.test.', srv_record_port: '81' },
  ])
  const of = { name: 'x.test' }
  await f({ type: 'A', port: 80 }, [{ ...of, __address__: '10.0.0.1:80' }])
  await f({ type: 'AAAA', port: 80 }, [{ ...of, __address__: '[2001:db8::1]:80' }])
  await f({ type: 'MX', port: 25 }, [
    { ...of, __address__: 'mail.x.test:25', mx_record_target: 'mail.x.test.' },
  ])
  await f({ type: 'NS', port: 53 }, [
    { ...of, __address__: 'ns.x.test:53', ns_record_target: 'ns.x.test.' },
  ])
})

test('dns_sd_configs follows changes, and keeps earlier answers of a server that fails', async t => {
  let zone: Zone = { 'SRV x.test': [srv(1, 'a')], 'SRV y.test': [srv(2, 'b')] }
  const server = await startDns(t, () => zone)
  const { labels, groups, updates } = discover(t, server, { names: ['x.test', 'y.test'] })
  const addresses = () => labels()?.map(({ __address__ }) => __address__)
  await waitFor(() => addresses()?.length === 2)
  const [first] = groups()!
  zone = { 'SRV x.test': serverFailure, 'SRV y.test': [srv(3, 'c')] }
  await waitFor(() => addresses()?.includes('c:3') === true)
  t.same(addresses(), ['a:1', 'c:3'])
  const before = updates()
  await waitFor(() => updates() > before)
  t.equal(groups()![0], first, 'what stays the same is the same object')
  // A name that disappeared has no targets.
  zone = { 'SRV y.test': [] }
  await waitFor(() => addresses()?.length === 0)
})

test('dns_sd_configs refuses invalid entries and reports the line', async t => {
  const problem = async (entry: string) => {
    try {
      const text = `clients: [{url: "http://h/"}]
scrape_configs: [{job_name: a, dns_sd_configs: [${entry}]}]
`
      await loadAgentConfig({ text, path: 'a.yaml' })
      return ''
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.message
    }
  }
  t.equal(await problem('{names: [a]}'), '')
  t.equal(await problem('{names: [a], type: aaaa, port: 1}'), '')
  t.match(await problem('{}'), /a\.yaml:2:\d+: dns_sd_configs needs names/)
  t.match(await problem('{names: [a], type: A}'), /a\.yaml:2:\d+: dns_sd_configs needs a port/)
  t.match(await problem('{names: [a], type: TXT}'), /a\.yaml:2:\d+: .*TXT/)
})
