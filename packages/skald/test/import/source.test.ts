import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { readPages, readSelectors, type SourceOptions } from '../../src/import/source.ts'

const options: SourceOptions = { pageEntries: 5, onRetry: () => {} }
const window = { startNs: 0n, endNs: 100n }

/** A server that has `rows` of one stream, and answers with `long` bytes above `limitMax` entries. */
async function startServer(
  t: Test,
  rows: readonly [ns: number, line: string, categories?: object][],
  { limitMax = 1000, longBytes = 0 } = {},
): Promise<{ url: string; headers: object; limits: number[] }> {
  const limits: number[] = []
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x')
    const limit = Number(searchParams.get('limit'))
    limits.push(limit)
    if (limit > limitMax) {
      response.end(Buffer.alloc(longBytes, 'x'))
      return
    }
    const start = Number(searchParams.get('start'))
    const values = rows
      .filter(([ns]) => ns >= start)
      .slice(0, limit)
      .map(([ns, ...rest]) => [String(ns), ...rest])
    response.end(JSON.stringify({ data: { result: [{ stream: { app: 'a' }, values }] } }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, headers: {}, limits }
}

async function readAll(server: { url: string }): Promise<string[]> {
  return (await readServer(server)).lines
}

async function readServer(server: {
  url: string
}): Promise<{ lines: string[]; repeatCount: number }> {
  let repeats = 0
  const lines: string[] = []
  for await (const { streams, repeatCount } of readPages(
    { url: server.url, headers: {} },
    '{app="a"}',
    window,
    options,
  )) {
    repeats += repeatCount
    for (const { entries } of streams) {
      for (const { timestampNs, line, structuredMetadata = [] } of entries) {
        const pairs = structuredMetadata.map(({ name, value }) => ` ${name}=${value}`)
        lines.push(`${timestampNs} ${line}${pairs.join('')}`)
      }
    }
  }
  return { lines, repeatCount: repeats }
}

test('readPages reads every entry once, and tells how many are another one once more', async t => {
  const server = await startServer(t, [
    [1, 'a'],
    [2, 'b', { structuredMetadata: { trace: 'x' } }],
    [2, 'c'],
    [2, 'd'],
    [3, 'e'],
    // The first page ends here.
    [3, 'e'],
    [3, 'e', { structuredMetadata: { trace: 'y' } }],
    [3, 'f', { parsed: { ignored: 'y' } }],
    [4, 'e'],
    [4, 'e', { structuredMetadata: { trace: 'y' } }],
  ])
  t.same(await readServer(server), {
    lines: ['1 a', '2 b trace=x', '2 c', '2 d', '3 e', '3 e trace=y', '3 f', '4 e', '4 e trace=y'],
    repeatCount: 1,
  })
})

test('readPages asks for less where an answer is too long to be read', async t => {
  const longBytes = 65 * 1024 * 1024
  const rows = [1, 2, 3, 4].map(ns => [ns, 'a long line'] as [number, string])
  const server = await startServer(t, rows, { limitMax: 2, longBytes })
  t.equal((await readAll(server)).length, 4)
  t.same(server.limits.slice(0, 3), [5, 3, 2])
  const hopeless = await startServer(t, rows, { limitMax: 0, longBytes })
  await t.rejects(readAll(hopeless), { code: 'IMPORT', message: /leave it out with --query/ })
})

test('readSelectors tells when there are too many streams for one answer', async t => {
  const server = await startServer(t, [], { limitMax: -1, longBytes: 65 * 1024 * 1024 })
  await t.rejects(readSelectors({ url: server.url, headers: {} }, window, options), {
    code: 'IMPORT',
    message: /choose a shorter --window/,
  })
})
