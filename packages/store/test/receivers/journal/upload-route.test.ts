// /upload, with systemd's own programs: systemd-journal-remote writes a journal, and systemd-journal-upload sends it.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { openReceiverStore, testDay } from '../receiver-store.ts'

root.setTimeout(120_000)

const remote = '/lib/systemd/systemd-journal-remote'
const upload = '/lib/systemd/systemd-journal-upload'
const skip = existsSync(remote) && existsSync(upload) ? false : 'no systemd-journal-remote'

const machine = '0123456789abcdef0123456789abcdef'
let count = 0

/** Returns one entry of an export. Bytes come with their length, as the format requires. */
function exported(second: string, fields: Record<string, string | Buffer>): Buffer {
  count++
  const head = {
    __REALTIME_TIMESTAMP: String(Date.parse(`${testDay}${second}Z`) * 1000 + count),
    __MONOTONIC_TIMESTAMP: String(1000 + count),
    _BOOT_ID: machine,
    _MACHINE_ID: machine,
    _HOSTNAME: 'web',
  }
  const parts: Buffer[] = []
  for (const [name, value] of Object.entries<string | Buffer>({ ...head, ...fields })) {
    if (typeof value === 'string') parts.push(Buffer.from(`${name}=${value}\n`))
    else {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(value.length))
      parts.push(Buffer.from(`${name}\n`), length, value, Buffer.from('\n'))
    }
  }
  return Buffer.concat([...parts, Buffer.from('\n')])
}

const url = '/upload'
const headers = { 'content-type': 'application/vnd.fdo.journal' }

test('fields become labels, levels and metadata', async t => {
  const { store, entries } = await openReceiverStore(t)
  const payload = Buffer.concat([
    exported('01', {
      MESSAGE: 'Accepted publickey',
      PRIORITY: '3',
      SYSLOG_IDENTIFIER: 'sshd',
      _SYSTEMD_UNIT: 'sshd@1-10.0.0.1:22.service',
      _PID: '17',
    }),
    exported('02', {
      MESSAGE: Buffer.from('two\nlines'),
      _SYSTEMD_UNIT: 'cron.service',
      _COMM: 'cron',
    }),
    exported('03', { MESSAGE: Buffer.from([0x68, 0x69, 0xff]), _SYSTEMD_UNIT: 'session-4.scope' }),
    exported('04', {
      COREDUMP: Buffer.alloc(5 * 1024 * 1024),
      MESSAGE: 'dumped',
      HUGE: 'x'.repeat(9000),
      _COMM: 'core',
    }),
    exported('05', { NO_MESSAGE: '1', SYSLOG_IDENTIFIER: '0123456789abcdef' }),
  ])
  for (const step of [1_000_003, 7]) {
    // Pieces of any size.
    const { hostname, port } = new URL(store.url)
    const sending = request({ hostname, port, path: url, method: 'POST', headers })
    const answered = once(sending, 'response')
    const small = step === 7 ? payload.subarray(0, 700) : payload
    for (let at = 0; at < small.length; at += step) sending.write(small.subarray(at, at + step))
    if (step !== 7) {
      sending.end()
      const [response] = await answered
      t.equal(response.statusCode, 202)
      response.resume()
    } else sending.destroy()
    answered.catch(() => undefined)
  }
  const found = await entries('{job="systemd-journal", host="web"}')
  t.match(
    found.map(({ line, stream }) => [line, stream.unit, stream.app, stream.detected_level]),
    [
      ['Accepted publickey', 'sshd@.service', 'sshd', 'error'],
      ['two\nlines', 'cron.service', 'cron', 'unknown'],
      ['hi\ufffd', undefined, undefined, 'unknown'],
      ['dumped', undefined, 'core', 'unknown'],
      [/"NO_MESSAGE":"1"/, undefined, undefined, 'unknown'],
    ],
  )
  t.match(found[0]!.stream, { _SYSTEMD_UNIT: 'sshd@1-10.0.0.1:22.service', _PID: '17' })
  t.notOk(found[3]!.stream.HUGE)
})

test('an entry whose time cannot be read has the time of its arrival', async t => {
  const { store, entries } = await openReceiverStore(t)
  for (const time of ['yesterday', '-1', '', '17', '9'.repeat(30)]) {
    const payload = exported('05', {
      ...{ MESSAGE: `at ${time}`, SYSLOG_IDENTIFIER: 'clock', __REALTIME_TIMESTAMP: time },
    })
    const answer = await store.app.inject({ method: 'POST', url, payload, headers })
    t.equal(answer.statusCode, 202, answer.body)
  }
  t.equal((await entries('{job="systemd-journal"} |= "at "', 'now')).length, 5)
})

test('what is no export is refused, and what came before is stored', async t => {
  const { store, entries } = await openReceiverStore(t)
  const refused = async (why: RegExp, payload: Buffer, given: Record<string, string> = headers) => {
    const answer = await store.app.inject({ method: 'POST', url, payload, headers: given })
    t.equal(answer.statusCode, 400)
    t.match(answer.body, why)
  }
  await refused(/content type none is not supported/, Buffer.from('x'), {})
  const good = exported('10', { MESSAGE: 'good', SYSLOG_IDENTIFIER: 'before' })
  await refused(/entry 2: "hello=?" is no name/, Buffer.concat([good, Buffer.from('hello\n')]))
  await refused(/entry 2 ends within a field/, Buffer.concat([good, Buffer.from('A')]))
  const long = Buffer.concat([Buffer.from('A\n'), Buffer.alloc(8, 0xff)])
  await refused(/field A has a length of 18446744073709551615 bytes/, Buffer.concat([good, long]))
  const wrong = Buffer.from('A\n\x01\0\0\0\0\0\0\0abc\n')
  await refused(/field A does not end after its length/, wrong)
  t.equal((await entries('{app="before"}')).length, 1)
  const answer = await store.app.inject({
    ...{ method: 'POST', headers, payload: exported('11', { MESSAGE: 'chosen', _UID: '0' }) },
    url: `${url}?_stream_fields=_UID&ignore_fields=_MACHINE_ID`,
  })
  t.equal(answer.statusCode, 202)
  const [chosen] = await entries('{_UID="0"}')
  t.equal(chosen!.line, 'chosen')
  t.notOk(chosen!.stream._MACHINE_ID)
})

test('systemd-journal-upload sends a journal, and a repeat adds nothing', { skip }, async t => {
  const { store, entries } = await openReceiverStore(t)
  const directory = join(t.testdir(), 'journal')
  mkdirSync(directory)
  const lines = Array.from({ length: 3000 }, (_, i) =>
    exported('20', {
      MESSAGE: i % 100 === 0 ? Buffer.from(`many\n${i}`) : `many ${i}`,
      SYSLOG_IDENTIFIER: 'uploaded',
      PRIORITY: '6',
    }),
  )
  const written = spawnSync(remote, [`--output=${directory}/remote.journal`, '-'], {
    input: Buffer.concat(lines),
  })
  t.equal(written.status, 0, String(written.stderr))
  for (let i = 0; i < 2; i++) {
    const args = [`--url=${store.url}`, `--directory=${directory}`, '--follow=no']
    const child = spawn(upload, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', text => {
      complaint += text
    })
    const [code] = await once(child, 'exit')
    t.equal(code, 0, complaint)
  }
  const found = await entries('{app="uploaded"}')
  t.equal(found.length, 3000)
  t.ok(found.some(({ line }) => line === 'many\n2900'))
})
