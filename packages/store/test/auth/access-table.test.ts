// Tries every request with every identity, and writes the answers into docs/security.md, or compares them:
// UPDATE_GOLDEN=1 writes them.

import { readFileSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request as send } from 'node:http'
import { join } from 'node:path'
import { test } from 'tap'
import { startTestStore } from '../harness.ts'
import {
  type AccessIdentity,
  type AccessRequest,
  authBlock,
  identities,
  requests,
} from './access-requests.ts'

const pagePath = new URL('../../../../docs/security.md', import.meta.url)
const marks = ['<!-- access table -->\n', '<!-- end of access table -->\n'] as const
// `htpasswd -nbB -C 4 ann 'correct horse'`
const ann = 'ann:$2b$04$zBFN5FIGMkFcJlJAYHdcwumgCi8NkE5BwDPuHrgLJfVbD2PA3wU8m'

/** Sends a request as it is written, from an address of this machine. */
function ask(
  port: number,
  { line, headers, body }: AccessRequest,
  { authorization }: AccessIdentity,
  localAddress: string,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const [method, path] = line.split(' ')
  return new Promise((resolve, reject) => {
    const request = send(
      {
        ...{ host: '127.0.0.1', port, method, path, localAddress, agent: false },
        headers: {
          ...headers,
          ...(authorization !== undefined && { authorization }),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
      },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: text }),
        )
      },
    )
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode!, headers: response.headers, body: '' })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Every address of the network 127 is this machine. One that failed has to wait before it fails again. */
function* addresses(): Generator<string> {
  for (let i = 0; ; i++) yield `127.1.${i >> 8}.${i & 255}`
}

/** What everybody may ask for. */
const isOpen = /^GET (\/skald)?\/(ready|assets\/.*)?$/

test('the table of docs/security.md says who gets which answer', async t => {
  const dir = t.testdir({ htpasswd: `${ann}\n`, plain: {}, prefixed: {} })
  const htpasswd = join(dir, 'htpasswd')
  const yaml = `${authBlock(htpasswd)}auth_enabled: true
querier: {multi_tenant_queries_enabled: true}
ruler: {evaluation_interval: 1h}
compactor: {retention_enabled: true}
`
  const [plain, prefixed] = await Promise.all([
    startTestStore(t, { yaml, dir: join(dir, 'plain') }),
    startTestStore(t, { yaml, dir: join(dir, 'prefixed'), server: 'http_path_prefix: /skald' }),
  ])
  const portOf = ({ isPrefixed }: AccessRequest) =>
    Number(new URL((isPrefixed ? prefixed : plain).url).port)
  const from = addresses()
  const rows: string[] = []
  for (const request of requests) {
    const answers = await Promise.all(
      identities.map(identity => ask(portOf(request), request, identity, from.next().value)),
    )
    const cells = answers.map(({ status }) => status)
    for (const [i, identity] of identities.entries()) {
      if (identity.authorization !== undefined && !identity.fails) continue
      const what = `${request.line} ${request.note ?? ''} as ${identity.name}`
      const { status, headers } = answers[i]!
      t.equal(headers['www-authenticate'] !== undefined, status === 401, what)
      if (!isOpen.test(request.line)) t.ok(status === 401 || status === 301, what)
    }
    const [method, path = ''] = request.line.split(' ')
    const note = request.note === undefined ? '' : `, ${request.note}`
    rows.push(`| \`${method} ${path.split('?query')[0]}\`${note} | ${cells.join(' | ')} |`)
  }
  t.ok(rows.length * identities.length >= 200, `${rows.length * identities.length} answers`)
  const head = `| request | ${identities.map(({ name }) => name).join(' | ')} |`
  const rule = `|---|${identities.map(() => '---|').join('')}`
  const table = `${[head, rule, ...rows].join('\n')}\n`
  const page = readFileSync(pagePath, 'utf8')
  const [before, rest] = page.split(marks[0])
  const [shown, after] = rest!.split(marks[1])
  if (process.env.UPDATE_GOLDEN === '1') {
    writeFileSync(pagePath, [before, marks[0], table, marks[1], after].join(''))
  } else t.equal(shown, table, 'UPDATE_GOLDEN=1 writes the table')
})
