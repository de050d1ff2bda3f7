// Alertmanagers that an SRV record names, from a name server of the test.

import { createSocket } from 'node:dgram'
import dns from 'node:dns/promises'
import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { DiscoveredServers } from '../../src/rules/discovered-servers.ts'
import type { Notice } from '../../src/rules/notice.ts'
import type { TestScope } from '../harness.ts'

/** Writes a name of DNS. */
function nameBytes(name: string): Buffer {
  const parts = name
    .split('.')
    .filter(Boolean)
    .map(part => Buffer.from(part))
  return Buffer.concat([
    ...parts.flatMap(part => [Buffer.from([part.length]), part]),
    Buffer.from([0]),
  ])
}

/** Starts a name server that answers every question with these ports of a host; SERVFAIL without any. */
async function startNameServer(
  t: TestScope,
  ports: () => readonly number[],
  nameOf: (port: number) => string = () => '127.0.0.1',
) {
  const socket = createSocket('udp4')
  const asked: number[] = []
  socket.on('message', (question, { port, address }) => {
    asked.push(question.length)
    // The question without additional records: up to the end of its name, and four bytes.
    const end = question.indexOf(0, 12) + 5
    const found = ports()
    const header = Buffer.from(question.subarray(0, 12))
    header.writeUInt16BE(found.length > 0 ? 0x8180 : 0x8182, 2)
    header.writeUInt16BE(found.length, 6)
    header.writeUInt16BE(0, 10)
    const answers = found.map(server => {
      const target = nameBytes(nameOf(server))
      const head = Buffer.alloc(18)
      head.writeUInt16BE(0xc00c, 0)
      head.writeUInt16BE(33, 2)
      head.writeUInt16BE(1, 4)
      head.writeUInt16BE(6 + target.length, 10)
      head.writeUInt16BE(server, 16)
      return Buffer.concat([head, target])
    })
    socket.send(Buffer.concat([header, question.subarray(12, end), ...answers]), port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  const resolver = new dns.Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  return { resolver, asked }
}

const notice: Notice = {
  ...{ tenant: 't', labels: createLabelSet({ a: 'b' }), annotations: createLabelSet({}) },
  ...{ state: 'firing', startsMs: 1, endsMs: 2, value: 1, link: '' },
}

test('alerts go to the servers that the record names at the moment', async t => {
  let ports: readonly number[] = [9093, 9094]
  const { resolver, asked } = await startNameServer(t, () => ports)
  const events: string[] = []
  const logged: string[] = []
  const servers = new DiscoveredServers({
    ...{ url: 'https://_web._tcp.alertmanager.example.com/am', discoveryMs: 20, resolver },
    log: message => logged.push(message),
    open: url => ({
      send: notices => events.push(`${url} gets ${notices.length}`),
      close: async () => void events.push(`${url} is closed`),
    }),
  })
  const lookups = async (count: number) => {
    const until = asked.length + count
    while (asked.length < until) await new Promise(resolve => setTimeout(resolve, 5))
  }
  servers.send([notice])
  await lookups(2)
  t.same(events.splice(0), ['https://127.0.0.1:9093/am gets 1', 'https://127.0.0.1:9094/am gets 1'])
  ports = [9094, 9095]
  await lookups(2)
  servers.send([notice])
  await lookups(2)
  t.same(events.splice(0), [
    'https://127.0.0.1:9093/am is closed',
    'https://127.0.0.1:9094/am gets 1',
    'https://127.0.0.1:9095/am gets 1',
  ])
  ports = []
  await lookups(3)
  servers.send([notice, notice])
  await lookups(1)
  t.same(events.splice(0), ['https://127.0.0.1:9094/am gets 2', 'https://127.0.0.1:9095/am gets 2'])
  t.match(logged, [/cannot look up the Alertmanagers of _web\._tcp\.alertmanager\.example\.com/])
  t.equal(logged.length, 1, 'said once')
  await servers.close()
  t.match(events, [/9094\/am is closed/, /9095\/am is closed/])
})

test('a target that is no name is no server', async t => {
  let ports: readonly number[] = [1, 2]
  const { resolver, asked } = await startNameServer(
    t,
    () => ports,
    port => ({ 1: '.', 2: 'Good.example.com' })[port] ?? '.',
  )
  const told: string[] = []
  const logged: string[] = []
  const servers = new DiscoveredServers({
    ...{ url: 'http://_web._tcp.alertmanager.example.com', discoveryMs: 20, resolver },
    log: message => logged.push(message),
    open: url => ({ send: () => told.push(url), close: async () => undefined }),
  })
  servers.send([notice])
  while (told.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.same(told, ['http://good.example.com:2'])
  ports = [1]
  const until = asked.length + 2
  while (asked.length < until) await new Promise(resolve => setTimeout(resolve, 5))
  servers.send([notice])
  await servers.close()
  t.equal(told.length, 2, 'the servers stay')
  t.match(logged, [/cannot look up .*: the record names no server/])
})
