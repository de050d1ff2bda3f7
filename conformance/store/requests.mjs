// Sends the requests of cases.

function pairs(obj) {
  const out = []
  for (const [k, v] of Object.entries(obj ?? {}))
    for (const x of Array.isArray(v) ? v : [v]) out.push([k, String(x)])
  return out
}

/** Builds URL and fetch options of a case. */
export function buildRequest(base, c) {
  const qs = new URLSearchParams(pairs(c.params)).toString()
  const raw = c.rawQuery ? (qs ? '&' : '') + c.rawQuery : ''
  const url = base.replace(/\/+$/, '') + c.path + (qs || raw ? `?${qs}${raw}` : '')
  const headers = { ...(c.headers ?? {}) }
  let body
  if (c.bodyBase64 !== undefined) body = Buffer.from(c.bodyBase64, 'base64')
  else if (c.body !== undefined)
    body = Buffer.from(typeof c.body === 'string' ? c.body : JSON.stringify(c.body), 'utf8')
  else if (c.form !== undefined) {
    body = Buffer.from(new URLSearchParams(pairs(c.form)).toString(), 'utf8')
    if (!Object.keys(headers).some(h => h.toLowerCase() === 'content-type'))
      headers['Content-Type'] = 'application/x-www-form-urlencoded'
  }
  return { url, init: { method: c.method ?? 'GET', headers, body, redirect: 'manual' } }
}

/** Sends a case; returns {status, contentType, body}, body parsed when it is JSON. */
export async function send(base, c, timeoutMs = 60000) {
  const { url, init } = buildRequest(base, c)
  const res = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
  const text = await res.text()
  const contentType = res.headers.get('content-type') ?? ''
  let body = text
  if (/\bjson\b/i.test(contentType)) {
    try {
      body = JSON.parse(text)
    } catch {
      /* stays text */
    }
  }
  return { status: res.status, contentType, body }
}
