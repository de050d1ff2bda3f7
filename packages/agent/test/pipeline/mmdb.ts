// Writes MaxMind databases with one network, following the description of their format.

type Value = string | number | readonly Value[] | { readonly [key: string]: Value }

const types = { text: 2, double: 3, map: 7, uint32: 6, list: 11 }

/** Returns the byte or bytes before a value: its type and size. */
function control(type: number, size: number): Buffer {
  if (size > 284) throw new RangeError(`${size} is too large for a test's database`)
  const [short, rest] = size < 29 ? [size, []] : [29, [size - 29]]
  // Types above 7 take a separate byte.
  return type <= 7
    ? Buffer.from([(type << 5) | short, ...rest])
    : Buffer.from([short, type - 7, ...rest])
}

function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([control(types.text, bytes.length), bytes])
  }
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value)
    const bytes = Buffer.alloc(isWhole ? 4 : 8)
    if (isWhole) bytes.writeUInt32BE(value)
    else bytes.writeDoubleBE(value)
    return Buffer.concat([control(isWhole ? types.uint32 : types.double, bytes.length), bytes])
  }
  if (Array.isArray(value)) {
    return Buffer.concat([control(types.list, value.length), ...value.map(encode)])
  }
  const pairs = Object.entries(value)
  return Buffer.concat([
    control(types.map, pairs.length),
    ...pairs.flatMap(([key, inner]) => [encode(key), encode(inner)]),
  ])
}

/** Makes a database in which the IPv4 addresses that start with `prefix` (whole bytes) have `record`. */
export function makeMmdb(prefix: readonly number[], record: Value): Buffer {
  const bits = prefix.flatMap(byte => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1))
  const nodeCount = bits.length
  const tree = Buffer.alloc(nodeCount * 6)
  for (const [node, bit] of bits.entries()) {
    // The first record follows the last node. The number of nodes itself means not found.
    const next = node + 1 < nodeCount ? node + 1 : nodeCount + 16
    tree.writeUIntBE(bit === 0 ? next : nodeCount, node * 6, 3)
    tree.writeUIntBE(bit === 1 ? next : nodeCount, node * 6 + 3, 3)
  }
  const metadata = {
    ...{ node_count: nodeCount, record_size: 24, ip_version: 4, database_type: 'Test' },
    ...{ languages: ['en'], description: { en: 'Test' }, build_epoch: 1_700_000_000 },
    ...{ binary_format_major_version: 2, binary_format_minor_version: 0 },
  }
  return Buffer.concat([
    ...[tree, Buffer.alloc(16), encode(record)],
    ...[Buffer.from('abcdef', 'hex'), Buffer.from('MaxMind.com'), encode(metadata)],
  ])
}
