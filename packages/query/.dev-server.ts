// throw-away server
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import * as q from '/work/main/packages/query/src/index.ts'
import { createMemorySource } from '/work/main/packages/query/test/memory-source.ts'
const ds = JSON.parse(readFileSync('/work/shared/conformance/dataset.json','utf8'))
const names = 'service app application app_name name app_kubernetes_io_name container container_name k8s_container_name component workload job k8s_job_name'.split(' ')
const fields = 'level LEVEL Level Severity severity SEVERITY lvl LVL Lvl'.split(' ')
const map = v => { const l = v.toLowerCase(); return /^(trace|trc)$/.test(l)?'trace':/^(debug|dbg)$/.test(l)?'debug':/^(info|inf)$/.test(l)?'info':/^(warn|wrn|warning)$/.test(l)?'warn':/^(error|err)$/.test(l)?'error':l==='critical'?'critical':l==='fatal'?'fatal':undefined }
function level(labels, md, line) {
  for (const f of fields) if (labels[f]) return labels[f]
  for (const f of fields) if (md[f]) return md[f]
  if (md.severity_number !== undefined) { const n = Number(md.severity_number); if (!Number.isInteger(n)) return 'info'; return n===0?'unknown':n<=4?'trace':n<=8?'debug':n<=12?'info':n<=16?'warn':n<=20?'error':n<=24?'fatal':'unknown' }
  let v
  const t = line.trim()
  if (t[0]==='{' && t.at(-1)==='}') { try { const o = JSON.parse(t); for (const f of fields) if (o[f]!==undefined && typeof o[f] !== 'object') { v = String(o[f]); break } } catch {} }
  else if (line.includes('=')) { let best=99; for (const m of line.matchAll(/(?:^|\s)([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))/g)) { const i = fields.findIndex(f=>f.toLowerCase()===m[1].toLowerCase()); if (i>=0 && i<best) { best=i; v = m[2] ?? m[3] } } }
  if (v !== undefined) { const m = map(v); if (m) return m }
  const has = s => line.includes(s) || line.includes(s.toUpperCase())
  if (has('info')) return 'info'; if (has('err:')||has('error')) return 'error'; if (has('warn:')||has('warning')) return 'warn'; if (has('critical:')) return 'critical'; if (has('debug:')) return 'debug'
  return 'unknown'
}
const streams = ds.map(s => {
  const labels = { ...s.labels }
  if (!labels.service_name) labels.service_name = names.map(n=>labels[n]).find(Boolean) ?? 'unknown_service'
  const seen = new Set()
  const entries = []
  for (const e of s.entries) { const k = e[0]+e[1]; if (seen.has(k)) continue; seen.add(k); const md = {...(e[2]??{})}; if (md.detected_level===undefined) md.detected_level = level(labels, md, e[1]); entries.push({timestampNs: BigInt(e[0]), line: e[1], metadata: md}) }
  return { labels, entries }
})
const byKey = new Map(); for (const s of streams) { const k = JSON.stringify(s.labels); const o = byKey.get(k); if (o) o.entries.push(...s.entries); else byKey.set(k, s) }
const source = createMemorySource([...byKey.values()], 500)
const limits = { ...q.defaultQueryLimits, maxQuerySeries: 100000, maxEntriesLimitPerQuery: 5000000 }
const time = (s, d) => { if (s == null) return d; if (/\./.test(s)) return BigInt(Math.round(Number(s)*1000))*1000000n; if (/^\d+$/.test(s)) return s.length<=10 ? BigInt(s)*1000000000n : BigInt(s); return BigInt(Date.parse(s))*1000000n }
const dur = s => /^[\d.]+$/.test(s) ? BigInt(Math.floor(Number(s)*1000))*1000000n : (() => { let t=0n; const u={ms:1000000n,s:1000000000n,m:60000000000n,h:3600000000000n,d:86400000000000n}; for (const m of s.matchAll(/(\d+)(ms|s|m|h|d)/g)) t += BigInt(m[1])*u[m[2]]; return t })()
createServer(async (req, res) => {
  const chunks=[]; for await (const c of req) chunks.push(c)
  const url = new URL(req.url, 'http://x')
  const p = url.searchParams
  if (/urlencoded/.test(req.headers['content-type']??'')) for (const [k,v] of new URLSearchParams(Buffer.concat(chunks).toString())) p.append(k,v)
  const send = (status, body, type) => { res.writeHead(status, {'content-type': type}); res.end(body) }
  if (url.pathname.endsWith('/push')) { res.writeHead(204); return res.end() }
  try {
    if (url.pathname.endsWith('/format_query')) {
      try { return send(200, JSON.stringify({status:'success', data: q.formatLogqlPretty(q.parseLogql(p.get('query')??''))}), 'application/json') } catch (e) { return send(400, JSON.stringify({status:'invalid-query', error: e.message}), 'application/json') }
    }
    const isInstant = url.pathname.endsWith('/query')
    const cat = /categorize/.test(req.headers['x-loki-response-encoding-flags']??'')
    const end = time(isInstant ? p.get('time') : p.get('end'), 1768438800000000000n), start = time(p.get('start'), end - 3600000000000n)
    const step = p.get('step') ? dur(p.get('step')) : BigInt(Math.max(Math.floor(Number((end-start)/1000000000n)/250),1))*1000000000n
    const r = await q.runQuery({ logql: p.get('query') ?? '', startNs: isInstant?end:start, endNs: end, stepNs: step, intervalNs: p.get('interval')?dur(p.get('interval')):0n, limit: Number(p.get('limit')??100), direction: (p.get('direction')??'backward').toLowerCase(), isInstant, limits }, source, AbortSignal.timeout(30000))
    send(200, q.formatQueryResult(r, {categorizeLabels: cat}), 'application/json; charset=UTF-8')
  } catch (e) {
    const s = ['LOGQL_VECTOR_MATCHING'].includes(e.code) ? 500 : e.code ? 400 : 500
    if (!e.code) console.error(p.get('query'), e)
    send(s, e.message, 'text/plain; charset=utf-8')
  }
}).listen(3199, '127.0.0.1')
