// Decides whether an answer is the recorded one. README.md says what it compares and what it ignores.

export function canonical(v) {
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`
  if (v && typeof v === 'object')
    return `{${Object.keys(v)
      .sort()
      .map(k => `${JSON.stringify(k)}:${canonical(v[k])}`)
      .join(',')}}`
  return JSON.stringify(v) ?? 'undefined'
}
const short = v => {
  const s = typeof v === 'string' ? JSON.stringify(v) : canonical(v)
  return s.length > 160 ? `${s.slice(0, 157)}...` : s
}
const media = ct => (ct ?? '').split(';')[0].trim().toLowerCase()

export function parseNumber(s) {
  if (typeof s === 'number') return s
  if (typeof s !== 'string') return undefined
  if (s === 'NaN') return NaN
  if (s === '+Inf' || s === 'Inf') return Infinity
  if (s === '-Inf') return -Infinity
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(s)) return undefined
  return Number(s)
}
export function sameNumber(a, b, opt) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b)
  if (a === b) return true
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false
  const d = Math.abs(a - b)
  return d <= (opt.absTol ?? 1e-12) || d <= opt.tol * Math.max(Math.abs(a), Math.abs(b))
}

class Diff extends Error {}
const fail = (where, expected, actual) => {
  throw new Diff(`${where}: expected ${short(expected)}, got ${short(actual)}`)
}

function sampleValue(where, e, a, opt) {
  const x = parseNumber(e)
  const y = parseNumber(a)
  if (typeof a !== 'string' || x === undefined || y === undefined) {
    if (e !== a) fail(where, e, a)
    return
  }
  if (!sameNumber(x, y, opt)) fail(where, e, a)
}
function samplePair(where, e, a, opt) {
  if (!Array.isArray(a) || a.length !== 2) fail(where, e, a)
  if (typeof a[0] !== 'number' || Math.abs(e[0] - a[0]) > 1e-6) fail(`${where} time`, e[0], a[0])
  sampleValue(`${where} @${e[0]}`, e[1], a[1], opt)
}

/** Pairs two lists by a key; complains about missing, extra and repeated keys. */
function byKey(where, expected, actual, key, each) {
  if (!Array.isArray(actual)) fail(where, expected, actual)
  // a label set that occurs more than once is numbered
  const number = list => {
    const seen = new Map()
    return list
      .map(x => [key(x), x])
      .sort((a, b) =>
        a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : canonical(a[1]) < canonical(b[1]) ? -1 : 1,
      )
      .map(([k, x]) => {
        const n = (seen.get(k) ?? 0) + 1
        seen.set(k, n)
        return [n > 1 ? `${k} (${n})` : k, x]
      })
  }
  const map = new Map(number(actual))
  const wanted = number(expected)
  for (const [k, e] of wanted) {
    if (!map.has(k)) {
      const extra = [...map.keys()].find(x => !wanted.some(y => y[0] === x))
      throw new Diff(
        `${where}: missing ${k}${extra ? `; has instead ${extra}` : ''} (expected ${expected.length}, got ${actual.length})`.slice(
          0,
          900,
        ),
      )
    }
    each(k, e, map.get(k))
    map.delete(k)
  }
  for (const k of map.keys())
    throw new Diff(
      `${where}: unexpected ${k} (expected ${expected.length}, got ${actual.length})`.slice(0, 900),
    )
}

// Entries of one stream: same times in the same order; lines with equal time in any order.
function entries(where, exp, act) {
  if (!Array.isArray(act)) fail(where, exp, act)
  for (let i = 0; i < Math.max(exp.length, act.length); i++) {
    if (exp[i]?.[0] !== act[i]?.[0])
      fail(`${where} entry ${i}`, exp[i] ?? '(none)', act[i] ?? '(none)')
  }
  for (let i = 0; i < exp.length; ) {
    let j = i
    while (j < exp.length && exp[j][0] === exp[i][0]) j++
    const es = exp.slice(i, j).map(canonical).sort()
    const as = act.slice(i, j).map(canonical).sort()
    for (let k = 0; k < es.length; k++)
      if (es[k] !== as[k])
        throw new Diff(`${where} entry ${i + k}: expected ${firstDiff(es[k], as[k])}`)
    i = j
  }
}
function firstDiff(a, b) {
  if (a.length <= 200 && b.length <= 200) return `${a}, got ${b}`
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  const f = Math.max(0, i - 30)
  return `...${a.slice(f, i + 60)}... got ...${b.slice(f, i + 60)}... (at character ${i})`
}

// Anything else: deep equality, numbers with tolerance.
function deep(where, e, a, opt) {
  if (typeof e === 'number' && typeof a === 'number') {
    if (!sameNumber(e, a, opt)) fail(where, e, a)
    return
  }
  if (Array.isArray(e)) {
    if (!Array.isArray(a) || a.length !== e.length) fail(where, e, a)
    let x = e
    let y = a
    if (e.length && (typeof e[0] === 'object' ? !opt.ordered : opt.sets)) {
      const key = v =>
        v && typeof v === 'object' && typeof v.label === 'string' ? v.label : canonical(v)
      const s = l => [...l].sort((p, q) => (key(p) < key(q) ? -1 : 1))
      x = s(e)
      y = s(a)
    }
    for (const [i, v] of x.entries()) deep(`${where}[${i}]`, v, y[i], opt)
    return
  }
  if (e && typeof e === 'object') {
    if (!a || typeof a !== 'object' || Array.isArray(a)) fail(where, e, a)
    for (const k of Object.keys(e)) {
      if (!(k in a)) throw new Diff(`${where}: missing key ${k}`)
      deep(where ? `${where}.${k}` : k, e[k], a[k], opt)
    }
    for (const k of Object.keys(a))
      if (!(k in e)) throw new Diff(`${where || 'body'}: unexpected key ${k}`)
    return
  }
  if (e !== a) fail(where, e, a)
}

// Patterns: the set of patterns and how many lines each covers.
function comparePatterns(e, a) {
  const total = l => {
    if (!Array.isArray(l)) fail('data', e, a)
    return l
      .map(p => {
        if (typeof p.pattern !== 'string' || !Array.isArray(p.samples)) fail('data', e, a)
        return [p.pattern, p.samples.reduce((s, x) => s + x[1], 0)]
      })
      .sort((x, y) => (x[0] < y[0] ? -1 : 1))
  }
  deep('patterns', total(e), total(a), { tol: 0.05 })
}

function compareData(e, a, opt) {
  if (!a || typeof a !== 'object') fail('data', e, a)
  if (e.resultType !== a.resultType) fail('data.resultType', e.resultType, a.resultType)
  if (canonical(e.encodingFlags) !== canonical(a.encodingFlags))
    fail('data.encodingFlags', e.encodingFlags ?? '(none)', a.encodingFlags ?? '(none)')
  const E = e.result
  const A = a.result
  switch (e.resultType) {
    case 'streams':
      byKey(
        'stream',
        E,
        A,
        s => canonical(s?.stream),
        (k, x, y) => entries(k, x.values, y.values),
      )
      break
    case 'matrix':
      byKey(
        'series',
        E,
        A,
        s => canonical(s?.metric),
        (k, x, y) => {
          if (!Array.isArray(y.values)) fail(k, x.values, y.values)
          for (let i = 0; i < Math.max(x.values.length, y.values.length); i++) {
            if (!x.values[i] || !y.values[i])
              fail(
                `${k} point ${i} of ${x.values.length}`,
                x.values[i] ?? '(none)',
                y.values[i] ?? '(none)',
              )
            samplePair(k, x.values[i], y.values[i], opt)
          }
        },
      )
      break
    case 'vector':
      byKey(
        'series',
        E,
        A,
        s => canonical(s?.metric),
        (k, x, y) => samplePair(k, x.value, y.value, opt),
      )
      if (opt.ordered)
        E.forEach((x, i) => {
          if (canonical(x.metric) !== canonical(A[i].metric))
            fail(`order, position ${i}`, x.metric, A[i].metric)
        })
      break
    case 'scalar':
      // the recorded server gives an overflowed time for scalars, so only the value counts
      if (!Array.isArray(A) || A.length !== 2) fail('scalar', E, A)
      sampleValue('scalar', E[1], A[1], opt)
      break
    default:
      deep('data.result', E, A, opt)
  }
}

function strip(body) {
  if (!body || typeof body !== 'object' || Array.isArray(body)) return body
  const b = { ...body }
  if (b.streams && b.stats) delete b.stats // old query path
  if (b.data && typeof b.data === 'object' && !Array.isArray(b.data) && 'stats' in b.data) {
    b.data = { ...b.data }
    delete b.data.stats
  }
  return b
}

export { strip }

/**
 * Compares an answer with the expected one.
 * Returns {ok, diff, textDiff}: textDiff is set where only the wording of an error (or its content type) differs.
 */
// Which of several failing series an error names is up to chance.
// So is what a stream still remembers of older pushes.
const wording = t =>
  t
    .trim()
    .replace(/for series: '.*'\./s, "for series: '...'.")
    .replace(/oldest acceptable timestamp is: [-0-9T:.Z]+/g, 'oldest acceptable timestamp is: ...')

export function compare(c, actual) {
  const e = c.expect
  const opt = {
    tol: c.compare?.tol ?? 1e-9,
    absTol: c.compare?.absTol,
    ordered: !!c.compare?.ordered,
    sets: !!c.compare?.sets,
  }
  if (e.status !== actual.status)
    return {
      ok: false,
      diff: `status: expected ${e.status}, got ${actual.status} ${short(actual.body)}`,
    }
  if (e.status >= 400) {
    const et = typeof e.body === 'string' ? wording(e.body) : canonical(e.body)
    const at = typeof actual.body === 'string' ? wording(actual.body) : canonical(actual.body)
    if (et !== at) return { ok: true, textDiff: `text: expected ${short(et)}, got ${short(at)}` }
    if (media(e.contentType) !== media(actual.contentType))
      return {
        ok: true,
        textDiff: `content type: expected ${e.contentType}, got ${actual.contentType}`,
      }
    return { ok: true }
  }
  try {
    if (media(e.contentType) !== media(actual.contentType))
      fail('content type', e.contentType, actual.contentType)
    if (c.compare?.anyBody) return { ok: true }
    const x = strip(e.body)
    const y = strip(actual.body)
    if (c.compare?.patterns && x?.data) comparePatterns(x.data, y?.data)
    else if (typeof x === 'string' || x === null || typeof x !== 'object') {
      const n = v => (typeof v === 'string' ? v.trim() : v)
      if (n(x) !== n(y)) fail('body', x, y)
    } else if (x.data && typeof x.data === 'object' && 'resultType' in x.data) {
      if (!y || typeof y !== 'object') fail('body', x, y)
      const { data: xd, ...xr } = x
      const { data: yd, ...yr } = y
      deep('', xr, yr, opt)
      compareData(xd, yd, opt)
    } else deep('', x, y, opt)
  } catch (err) {
    if (err instanceof Diff) return { ok: false, diff: err.message }
    return { ok: false, diff: `answer has an unexpected form: ${err.message}` }
  }
  return { ok: true }
}
