// Decides whether what arrived is what a case expects, and names the first difference.

import { expandEntries, longLine, sha256 } from './file-content.mjs'

export function canonical(v) {
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`
  if (v && typeof v === 'object')
    return `{${Object.keys(v)
      .sort()
      .map(k => `${JSON.stringify(k)}:${canonical(v[k])}`)
      .join(',')}}`
  return JSON.stringify(v) ?? 'undefined'
}
export const short = (v, n = 300) => {
  const s = typeof v === 'string' ? v : canonical(v)
  return s.length > n ? `${s.slice(0, n - 3)}...` : s
}

// A label without a value does not exist for a reader of the store.
const streamKey = e =>
  canonical(Object.fromEntries(Object.entries(e.labels).filter(([, v]) => v !== ''))) +
  (e.tenant === undefined ? '' : ` tenant=${JSON.stringify(e.tenant)}`)

function metadataObject(pairs) {
  const o = {}
  for (const [k, v] of pairs) {
    if (!(k in o)) o[k] = v
    else if (![].concat(o[k]).includes(v)) o[k] = [].concat(o[k], v)
  }
  return o
}

/** A received entry in the form of the case files. `fill` undoes directory and case name; `now` is the [from, to] of the run. */
export function normaliseEntry(raw, undo, now) {
  const e = { labels: Object.fromEntries(Object.entries(raw.labels).map(([k, v]) => [k, undo(v)])) }
  const text = raw.line.toString('utf8')
  if (!Buffer.from(text).equals(raw.line)) e.lineBase64 = raw.line.toString('base64')
  else if (raw.line.length > longLine)
    Object.assign(e, {
      lineLength: raw.line.length,
      lineSha256: sha256(raw.line),
      lineStart: text.slice(0, 40),
    })
  else e.line = undo(text)
  e.timestamp =
    raw.timestampNs >= now[0] && raw.timestampNs <= now[1] ? null : String(raw.timestampNs)
  if (raw.metadata.length)
    e.structuredMetadata = Object.fromEntries(
      Object.entries(metadataObject(raw.metadata)).map(([k, v]) => [
        k,
        Array.isArray(v) ? v.map(undo) : undo(v),
      ]),
    )
  if (raw.tenant !== undefined) e.tenant = raw.tenant
  return e
}

/** `year-06-15T10:20:30.000000000Z` means that moment of the current year. */
function timestampText(t) {
  if (typeof t !== 'string' || !t.startsWith('year-')) return t
  const m = /^year(-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z$/.exec(t)
  return String(
    BigInt(Date.parse(`${new Date().getUTCFullYear() + m[1]}Z`)) * 1000000n + BigInt(m[2]),
  )
}

const content = e => {
  const c = {
    timestamp: timestampText(e.timestamp),
    structuredMetadata: e.structuredMetadata ?? {},
  }
  for (const k of ['line', 'lineBase64', 'lineLength', 'lineSha256'])
    if (e[k] !== undefined) c[k] = e[k]
  return canonical(c)
}

function firstDifference(a, b) {
  if (a.length + b.length <= 500) return `expected ${a}, got ${b}`
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  const f = Math.max(0, i - 60)
  return `expected ...${a.slice(f, i + 120)}..., got ...${b.slice(f, i + 120)}... (character ${i})`
}

/** Compares lists of entries; returns undefined or the first difference. */
function compareEntries(expected, actual, options) {
  const group = list => {
    const m = new Map()
    for (const e of list) {
      const k = streamKey(e)
      if (!m.has(k)) m.set(k, [])
      m.get(k).push(e)
    }
    return m
  }
  const E = group(expandEntries(expected))
  const A = group(actual)
  for (const [key, es] of E) {
    if (!A.has(key)) {
      const other = [...A.keys()].find(k => !E.has(k))
      return `no stream ${key}${other ? `; got instead ${other} with ${short(A.get(other).map(e => e.line ?? e.lineBase64 ?? e.lineLength))}` : '; nothing else arrived'}`
    }
    let x = es.map(content)
    let y = A.get(key).map(content)
    if (options.duplicates) {
      x = [...new Set(x)]
      y = [...new Set(y)]
    }
    if (options.order === 'any') {
      x.sort()
      y.sort()
    }
    for (let i = 0; i < Math.max(x.length, y.length); i++) {
      if (x[i] === y[i]) continue
      const where = `stream ${key} entry ${i} of ${x.length} (${y.length} arrived)`
      if (x[i] === undefined) return `${where}: unexpected ${short(y[i])}`
      if (y[i] === undefined) return `${where}: missing ${short(x[i])}`
      return `${where}: ${firstDifference(x[i], y[i])}`
    }
  }
  for (const key of A.keys())
    if (!E.has(key))
      return `unexpected stream ${key} with ${A.get(key).length} entries: ${short(A.get(key).map(e => e.line ?? e.lineBase64 ?? e.lineLength))}`
  return undefined
}

/** Prometheus text -> Map of `name{a="b"}` (labels sorted) -> value text, plus `# TYPE name` and `# HELP name`. */
export function parseMetrics(text, undo = s => s) {
  const out = new Map()
  for (const line of text.split('\n')) {
    const c = /^# (TYPE|HELP) (\S+) ?(.*)$/.exec(line)
    if (c) {
      out.set(`# ${c[1]} ${undo(c[2])}`, c[3])
      continue
    }
    const m = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/.exec(line)
    if (!m) continue
    const pairs = [...(m[2] ?? '').matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)]
      .map(p => [p[1], p[2]])
      .filter(([, v]) => v !== '')
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    out.set(
      undo(m[1]) +
        (pairs.length ? `{${pairs.map(([k, v]) => `${k}="${undo(v)}"`).join(',')}}` : ''),
      String(Number(m[3].replace('+Inf', 'Infinity').replace('-Inf', '-Infinity'))),
    )
  }
  return out
}

function compareMetrics(expected, actual, mine) {
  if (!actual) return 'metrics could not be read from /metrics'
  for (const [key, value] of Object.entries(expected)) {
    if (value === null) {
      const found = key.endsWith('*')
        ? [...actual.keys()].find(k => k.startsWith(key.slice(0, -1)))
        : actual.has(key)
          ? key
          : undefined
      if (found) return `metric ${found}: expected none, got ${actual.get(found)}`
    } else if (actual.get(key) !== value) {
      const near = actual.has(key)
        ? actual.get(key)
        : `(none)${(() => {
            const n = [...actual.keys()].find(k => k.split('{')[0] === key.split('{')[0])
            return n ? `; there is ${n}` : ''
          })()}`
      return `metric ${key}: expected ${value}, got ${near}`
    }
  }
  const names = new Set(
    Object.keys(expected)
      .filter(k => k.includes('{'))
      .map(k => k.split('{')[0]),
  )
  for (const key of actual.keys())
    if (key.includes('{') && names.has(key.split('{')[0]) && !(key in expected) && mine(key))
      return `metric ${key}: unexpected, value ${actual.get(key)}`
  return undefined
}

/** Judges one case; `got` is {entries, metrics, requests, problem, bad}. Returns undefined when it passes, else the first difference. */
export function judge(c, got) {
  if (got.problem) return got.problem
  const diff = difference(c, got)
  return diff && got.bad?.length
    ? `${diff} (and a push was not understood: ${short(got.bad[0])})`
    : diff
}

function difference(c, got) {
  const e = c.expect
  for (const [name, value] of Object.entries(e.headers ?? {})) {
    for (const r of got.requests) {
      const v = r.headers[name.toLowerCase()] ?? null
      if (v !== value)
        return `request header ${name}: expected ${JSON.stringify(value)}, got ${JSON.stringify(v)}`
    }
  }
  const lists = e.alternatives ?? [e.entries ?? []]
  const diffs = lists.map(l => compareEntries(l, got.entries, c.compare ?? {}))
  if (!diffs.includes(undefined)) return diffs[0]
  if (e.metrics)
    return compareMetrics(
      e.metrics,
      got.metrics,
      key => key.includes('{{DIR}}') || key.includes('{{CASE}}'),
    )
  return undefined
}
