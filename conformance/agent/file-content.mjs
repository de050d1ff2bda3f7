// The bytes of files and the entries that a case describes in short, such as ten thousand numbered lines.

import { createHash } from 'node:crypto'
import { deflateSync, gzipSync } from 'node:zlib'

export const longLine = 2048
export const sha256 = b => createHash('sha256').update(b).digest('hex')
const numbered = (n, i) => `${n.prefix ?? ''}${i}${n.suffix ?? ''}`

/** Bytes of a file or of an appending step: content, base64, repeat {start, text, times, end}, numbered {prefix, from, to, suffix}, gzip, zlib. */
export function bytesOf(f, fill) {
  if (f.base64 !== undefined) return Buffer.from(f.base64, 'base64')
  if (f.repeat)
    return Buffer.from(
      (f.repeat.start ?? '') + f.repeat.text.repeat(f.repeat.times) + (f.repeat.end ?? ''),
    )
  if (f.numbered) {
    let s = ''
    for (let i = f.numbered.from; i <= f.numbered.to; i++) s += `${numbered(f.numbered, i)}\n`
    return Buffer.from(s)
  }
  if (f.gzip !== undefined) return gzipSync(Buffer.from(f.gzip))
  if (f.zlib !== undefined) return deflateSync(Buffer.from(f.zlib))
  return Buffer.from(fill(f.content ?? ''))
}

/** Entries with `numbered` {prefix, from, to} stand for many lines. */
export function expandEntries(list) {
  const out = []
  for (const e of list) {
    if (!e.numbered) {
      out.push(e)
      continue
    }
    const { numbered: n, ...rest } = e
    for (let i = n.from; i <= n.to; i++) out.push({ ...rest, line: numbered(n, i) })
  }
  return out
}
