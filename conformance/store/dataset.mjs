// Pushes the data set and waits until a server finds all of it.

const sleep = ms => new Promise(r => setTimeout(r, ms))

export async function push(base, dataset, log = () => {}) {
  const url = `${base.replace(/\/+$/, '')}/loki/api/v1/push`
  let n = 0
  for (const s of dataset) {
    for (let i = 0; i < s.entries.length; i += 500) {
      const values = s.entries.slice(i, i + 500)
      const res = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ streams: [{ stream: s.labels, values }] }),
        signal: AbortSignal.timeout(60000),
      })
      const text = await res.text()
      if (res.status !== 204)
        throw new Error(
          `push of ${JSON.stringify(s.labels)} answered ${res.status}: ${text.slice(0, 300)}`,
        )
      n += values.length
    }
  }
  log(`pushed ${dataset.length} streams, ${n} entries`)
}

const selectorOf = labels =>
  `{${Object.entries(labels)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(',')}}`

/** Waits until the newest entry of every stream can be read. */
export async function waitVisible(base, dataset, timeoutMs = 120000) {
  const end = Date.now() + timeoutMs
  let left = dataset.map(s => {
    const ts = s.entries.map(e => BigInt(e[0]))
    const max = ts.reduce((a, b) => (b > a ? b : a))
    const min = ts.reduce((a, b) => (b < a ? b : a))
    return { q: selectorOf(s.labels), min, max }
  })
  for (;;) {
    const still = []
    for (const s of left) {
      const p = new URLSearchParams({
        query: s.q,
        start: String(s.min),
        end: String(s.max + 1n),
        limit: '1',
        direction: 'backward',
      })
      try {
        const res = await fetch(`${base.replace(/\/+$/, '')}/loki/api/v1/query_range?${p}`, {
          signal: AbortSignal.timeout(20000),
        })
        const b = await res.json()
        const seen = (b.data?.result ?? []).some(r => r.values.some(v => BigInt(v[0]) >= s.max))
        if (!seen) still.push(s)
      } catch {
        still.push(s)
      }
    }
    if (!still.length) return
    if (Date.now() > end)
      throw new Error(`${still.length} streams did not become visible, e.g. ${still[0].q}`)
    left = still
    await sleep(500)
  }
}

/** POST /flush, then waits until the memory-streams gauge is 0 (only where the server has both). */
export async function flush(base, timeoutMs = 240000) {
  const b = base.replace(/\/+$/, '')
  const res = await fetch(`${b}/flush`, { method: 'POST' })
  if (res.status >= 300) return false
  const end = Date.now() + timeoutMs
  for (;;) {
    const m = await (await fetch(`${b}/metrics`)).text()
    const g = [...m.matchAll(/^loki_ingester_memory_streams(?:\{[^}]*\})? (\S+)$/gm)]
    if (!g.length || g.every(x => Number(x[1]) === 0)) return true
    if (Date.now() > end) throw new Error('streams are still in memory after the flush')
    await sleep(2000)
  }
}
