import { test } from 'tap'
import { placeAt } from '../src/editor/completion.ts'
import { formatAddress, parseAddress } from '../src/state/address.ts'
import { exportHead, exportRows } from '../src/state/export.ts'
import { LinePages } from '../src/state/lines.ts'
import { resolveRange, stepSecondsOf } from '../src/state/range.ts'
import { tenantsIn } from '../src/state/tenants.ts'
import { en } from '../src/texts/en.ts'
import { ko } from '../src/texts/ko.ts'

test('an address survives the way into a link and back', async t => {
  const address = {
    ...({
      view: 'patterns',
      query: '{a="ü&#?"} |= "1+1"',
      order: 'oldest',
      chart: 'bars',
    } as const),
    range: { from: 'now-15m', to: 'now' },
    ...{ columns: ['a', 'b'], line: '1700000000000000000.abc', isLive: true },
  }
  t.same(parseAddress(formatAddress(address)), address)
  t.match(parseAddress('#/nowhere?from=yesterday&to=now&order=x'), {
    view: 'explore',
    range: undefined,
    order: 'newest',
  })
})

test('ranges count from now, and never end before they begin', async t => {
  const nowMs = 1_700_000_000_000
  t.same(resolveRange({ from: 'now-1h', to: 'now' }, nowMs), {
    startNs: 1_699_996_400_000_000_000n,
    endNs: 1_700_000_001_000_000_000n,
  })
  const { startNs, endNs } = resolveRange({ from: 'now', to: 'now-1h' }, nowMs)
  t.ok(endNs > startNs)
  t.equal(stepSecondsOf({ startNs: 0n, endNs: 3600n * 10n ** 9n }, 120), 30)
})

test('one tenant or several can be asked for', async t => {
  t.same(tenantsIn(''), [])
  t.same(tenantsIn('a(1)'), ['a(1)'])
  t.same(tenantsIn('b|a|b|'), ['b', 'a'])
})

test('what can be completed depends on the place', async t => {
  const f = (before: string, want: object) => t.match(placeAt(before, before.length), want, before)
  f('{', { kind: 'label', from: 1 })
  f('{a="x", na', { kind: 'label', from: 8 })
  f('{a=', { kind: 'value', label: 'a', isOpen: false })
  f('{a=~"x', { kind: 'value', label: 'a', from: 4, isOpen: true })
  f('{a="x"} | js', { kind: 'stage', from: 10 })
  f('{a="}"} |', { kind: 'stage' })
  f('sum by (app) (ra', { kind: 'function', from: 14 })
  f('{a="x"} |= "ra', { kind: 'none' })
})

test('an export quotes what CSV needs, and disarms formulas', async t => {
  const row = {
    ...{ id: 1, ns: '1700000000000000001', stream: { app: '=1+1' }, metadata: {}, parsed: {} },
    ...({ line: 'a "b",\nc', level: 'info' } as const),
  }
  t.equal(exportHead('csv', ['app']), 'time,app,line\r\n')
  t.equal(
    exportRows([row], 'csv', ['app']),
    `2023-11-14T22:13:20.000000001Z,'=1+1,"a ""b"",\nc"\r\n`,
  )
  t.equal(exportRows([row], 'text', []), 'a "b",\nc\n')
  t.match(JSON.parse(exportRows([row], 'ndjson', [])), { ns: row.ns, labels: row.stream })
})

/** A store with lines at the given times, as far as pages need one. */
function storeWith(times: readonly number[]) {
  const client = {
    json: async (_path: string, params: Record<string, string | number>) => {
      const inRange = times
        .map((time, i) => [String(time), `line ${i}`] as const)
        .filter(([ns]) => BigInt(ns) >= BigInt(params.start!) && BigInt(ns) < BigInt(params.end!))
        .sort((a, b) => Number(b[0]) - Number(a[0]))
        .slice(0, Number(params.limit))
      return { data: { result: [{ stream: { app: 'x' }, values: inRange }] } }
    },
  }
  return client as unknown as ConstructorParameters<typeof LinePages>[0]
}

test('pages have each line once, also where many have one time', async t => {
  const times = [
    ...Array.from({ length: 25 }, (_, i) => 100 + i),
    ...new Array<number>(30).fill(90),
    80,
    80,
    70,
  ]
  const client = storeWith(times)
  const ask = { query: '{app="x"}', startNs: 0n, endNs: 1000n, order: 'newest' } as const
  const pages = new LinePages(client, ask, 64)
  const lines: string[] = []
  while (!pages.isComplete) for (const { line } of (await pages.next(10)).rows) lines.push(line)
  t.equal(lines.length, times.length)
  t.equal(new Set(lines).size, times.length)
})

test('both languages have the same texts, and none is empty', async t => {
  const keysOf = (texts: object): string[] =>
    Object.entries(texts).flatMap(([name, text]) =>
      typeof text === 'object' ? keysOf(text as object).map(key => `${name}.${key}`) : [name],
    )
  t.same(keysOf(ko), keysOf(en))
  const textsIn = (texts: object): unknown[] =>
    Object.values(texts).flatMap(text => (typeof text === 'object' ? textsIn(text) : [text]))
  t.same(
    textsIn(ko).filter(text => text === ''),
    [],
  )
})
