// Reads what remote writes send, without the code that writes it.

import { snappyDecompress } from '@skald/wire'
import protobuf from 'protobufjs/minimal.js'

/** Decodes the fields of a message as [number, bytes or number]. */
export function fieldsOf(bytes: Uint8Array): [number, Buffer | number | bigint][] {
  const reader = protobuf.Reader.create(bytes)
  const fields: [number, Buffer | number | bigint][] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if ((tag & 7) === 2) fields.push([tag >>> 3, Buffer.from(reader.bytes())])
    else if ((tag & 7) === 1) {
      fields.push([tag >>> 3, Buffer.from(reader.buf).readBigUInt64LE(reader.pos)])
      reader.skip(8)
    } else fields.push([tag >>> 3, Number(reader.int64())])
  }
  return fields
}
/** Returns the values of the fields with a number. */
export const bytesOf = (fields: ReturnType<typeof fieldsOf>, number: number) =>
  fields.filter(([found]) => found === number).map(([, value]) => value as Buffer)

/** Decodes a body of version 1.0 as texts: name, labels, time and value. */
export function samplesIn(body: Buffer): string[] {
  const series = bytesOf(fieldsOf(snappyDecompress(body, 1e6)), 1).map(fieldsOf)
  return series.flatMap(one => {
    const labels = bytesOf(one, 1).map(pair => {
      const [name, value] = [1, 2].map(key => bytesOf(fieldsOf(pair), key)[0]!.toString())
      return `${name}=${value}`
    })
    return bytesOf(one, 2).map(bytes => {
      const [[, bits], [, time]] = fieldsOf(bytes) as [[number, bigint], [number, number]]
      const value = Buffer.alloc(8)
      value.writeBigUInt64LE(bits)
      const number = value.readDoubleLE(0)
      const shown = bits === 0x7ff0000000000002n ? 'stale' : number
      return `${labels.join(',')} ${time} ${shown}`
    })
  })
}
