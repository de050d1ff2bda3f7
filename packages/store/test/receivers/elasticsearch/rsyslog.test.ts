// rsyslog's omelasticsearch sends to the store as to Elasticsearch, and repeats what a cut connection did not answer.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t as root, type Test, test } from 'tap'
import { openReceiverStore } from '../receiver-store.ts'

root.setTimeout(120_000)

const modules = [
  '/usr/lib/rsyslog',
  '/usr/lib/x86_64-linux-gnu/rsyslog',
  '/usr/lib/aarch64-linux-gnu/rsyslog',
]
const hasRsyslog =
  spawnSync('rsyslogd', ['-v']).status === 0 &&
  modules.some(dir => existsSync(join(dir, 'omelasticsearch.so')))
const skip = hasRsyslog ? false : 'no rsyslogd with omelasticsearch'

/** Starts a proxy that cuts the connection of the first bulk request once the store has answered it. */
async function startCuttingProxy(
  t: Test,
  target: number,
): Promise<{ port: number; cuts: () => number }> {
  let cuts = 0
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    let isBulk = false
    client.on('data', bytes => {
      isBulk ||= bytes.includes('_bulk')
      upstream.write(bytes)
    })
    upstream.on('data', bytes => {
      if (isBulk && cuts === 0) {
        cuts++
        client.destroy()
      } else client.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, cuts: () => cuts }
}

test('rsyslog: every line comes in once, although the first answer is lost', { skip }, async t => {
  const { store, entries } = await openReceiverStore(t)
  const proxy = await startCuttingProxy(t, Number(new URL(store.url).port))
  const directory = mkdtempSync(join(tmpdir(), 'skald-rsyslog-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const input = join(directory, 'in.log')
  writeFileSync(input, '')
  writeFileSync(
    join(directory, 'rsyslog.conf'),
    `module(load="imfile" mode="polling" pollingInterval="1")
module(load="omelasticsearch")
global(workDirectory="${directory}")
template(name="document" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="programname" name="programname" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
}
template(name="id" type="string" string="%uuid%")
template(name="index" type="string" string="syslog-%timereported:1:10:date-rfc3339%")
input(type="imfile" File="${input}" Tag="prog" Severity="warning")
action(type="omelasticsearch" server="127.0.0.1" serverport="${proxy.port}" template="document"
  searchIndex="index" dynSearchIndex="on" bulkmode="on" bulkid="id" dynbulkid="on" writeoperation="create"
  action.resumeretrycount="-1" action.resumeinterval="1" searchType="")
`,
  )
  const args = ['-n', '-f', join(directory, 'rsyslog.conf'), '-i', join(directory, 'pid')]
  const child = spawn('rsyslogd', args, { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i} "quoted" \u00fc`)
  writeFileSync(input, `${lines.join('\n')}\n`)
  const query = '{index="syslog", app="prog"}'
  while (new Set((await entries(query, 'now')).map(({ line }) => line)).size < 300);
  const found = await entries(query, 'now')
  t.equal(found.length, 300)
  t.same(found.map(({ line }) => line.trim()).sort(), lines.toSorted())
  t.match(found[0]!.stream, { detected_level: 'warn', _id: /.+/ })
  t.equal(proxy.cuts(), 1)
})
