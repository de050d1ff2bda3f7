// Reads what an agent pushes: Snappy blocks, the protobuf of a push request, and label text. Written apart from the
// program's own code, so that a mistake there is not repeated here.

/** Decodes one Snappy block: a varint length, then literals and back references. */
export function snappyDecode(src) {
  let pos = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    if (pos >= src.length || shift > 28) throw new Error('snappy: bad length')
    const b = src[pos++]
    size += (b & 0x7f) * 2 ** shift
    if (b < 0x80) break
  }
  const out = Buffer.alloc(size)
  const need = n => {
    if (pos + n > src.length) throw new Error('snappy: input ends early')
  }
  let at = 0
  while (pos < src.length) {
    const tag = src[pos++]
    const kind = tag & 3
    let length
    let offset = 0
    if (kind === 0) {
      length = (tag >> 2) + 1
      if (length > 60) {
        const bytes = length - 60
        need(bytes)
        length = src.readUIntLE(pos, bytes) + 1
        pos += bytes
      }
      need(length)
      if (at + length > size) throw new Error('snappy: too much output')
      src.copy(out, at, pos, pos + length)
      pos += length
      at += length
      continue
    }
    if (kind === 1) {
      need(1)
      length = ((tag >> 2) & 7) + 4
      offset = ((tag >> 5) << 8) | src[pos]
      pos += 1
    } else if (kind === 2) {
      need(2)
      length = (tag >> 2) + 1
      offset = src.readUInt16LE(pos)
      pos += 2
    } else {
      need(4)
      length = (tag >> 2) + 1
      offset = src.readUInt32LE(pos)
      pos += 4
    }
    if (offset === 0 || offset > at || at + length > size)
      throw new Error('snappy: bad back reference')
    for (let i = 0; i < length; i++, at++) out[at] = out[at - offset] // may overlap itself
  }
  if (at !== size) throw new Error(`snappy: ${at} bytes of output, ${size} announced`)
  return out
}

function varint(buf, state) {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (state.pos >= buf.length) throw new Error('protobuf: input ends early')
    const b = buf[state.pos++]
    value |= BigInt(b & 0x7f) << shift
    if (b < 0x80) return BigInt.asUintN(64, value)
  }
  throw new Error('protobuf: bad varint')
}

/** Yields [field number, value] of one message; value is a BigInt or a Buffer. */
function* fields(buf) {
  const state = { pos: 0 }
  while (state.pos < buf.length) {
    const key = Number(varint(buf, state))
    const wire = key & 7
    if (wire === 0) {
      yield [key >> 3, varint(buf, state)]
      continue
    }
    const size = wire === 2 ? Number(varint(buf, state)) : wire === 1 ? 8 : wire === 5 ? 4 : NaN
    if (!(state.pos + size <= buf.length)) throw new Error(`protobuf: bad field ${key >> 3}`)
    yield [key >> 3, buf.subarray(state.pos, state.pos + size)]
    state.pos += size
  }
}

const signed = v => BigInt.asIntN(64, v)

/** Push request -> [{labels: text, entries: [{timestampNs, line: Buffer, metadata: [[name, value]]}]}]. */
export function decodePush(buf) {
  const streams = []
  for (const [no, value] of fields(buf)) {
    if (no !== 1) continue
    const stream = { labels: '', entries: [] }
    for (const [n, v] of fields(value)) {
      if (n === 1) stream.labels = v.toString('utf8')
      if (n === 2) stream.entries.push(decodeEntry(v))
    }
    streams.push(stream)
  }
  return streams
}

function decodeEntry(buf) {
  const entry = { timestampNs: 0n, line: Buffer.alloc(0), metadata: [] }
  for (const [no, value] of fields(buf)) {
    if (no === 1)
      for (const [n, v] of fields(value))
        entry.timestampNs += n === 1 ? signed(v) * 1000000000n : n === 2 ? signed(v) : 0n
    if (no === 2) entry.line = Buffer.from(value)
    if (no === 3) {
      const pair = ['', '']
      for (const [n, v] of fields(value)) pair[n - 1] = v.toString('utf8')
      entry.metadata.push(pair)
    }
  }
  return entry
}

const simpleEscapes = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, '"': 34, "'": 39 }

/** Reads `{a="b", c="d"}` with the escapes of a Go string literal; throws on anything else. */
export function parseLabels(text) {
  const labels = {}
  let i = 0
  const bad = why => {
    throw new Error(`labels ${JSON.stringify(text)} do not parse at ${i}: ${why}`)
  }
  const space = () => {
    while (text[i] === ' ') i++
  }
  if (text[i++] !== '{') bad('no {')
  space()
  while (text[i] !== '}') {
    const name = /^[a-zA-Z_][a-zA-Z0-9_]*/.exec(text.slice(i))?.[0] ?? bad('label name')
    i += name.length
    space()
    if (text[i++] !== '=') bad('no =')
    space()
    if (text[i++] !== '"') bad('no quote')
    const bytes = []
    for (;;) {
      if (i >= text.length) bad('text ends')
      const cp = text.codePointAt(i)
      const ch = String.fromCodePoint(cp)
      i += ch.length
      if (ch === '"') break
      if (ch === '\n') bad('line break')
      if (ch !== '\\') {
        bytes.push(...Buffer.from(ch))
        continue
      }
      const e = text[i++]
      const digits = (n, base) => {
        const d = text.slice(i, i + n)
        i += n
        const v = parseInt(d, base)
        if (d.length !== n || Number.isNaN(v)) bad('escape')
        return v
      }
      if (e in simpleEscapes) bytes.push(simpleEscapes[e])
      else if (e === 'x') bytes.push(digits(2, 16))
      else if (e === 'u') bytes.push(...Buffer.from(String.fromCodePoint(digits(4, 16))))
      else if (e === 'U') bytes.push(...Buffer.from(String.fromCodePoint(digits(8, 16))))
      else if (e >= '0' && e <= '7') {
        i--
        bytes.push(digits(3, 8))
      } else bad(`escape \\${e}`)
    }
    if (name in labels) bad(`label ${name} is there twice`)
    labels[name] = Buffer.from(bytes).toString('utf8')
    space()
    if (text[i] === ',') {
      i++
      space()
      if (text[i] === '}') bad('comma before }')
    } else if (text[i] !== '}') bad('no , or }')
  }
  if (i !== text.length - 1) bad('text after }')
  return labels
}
