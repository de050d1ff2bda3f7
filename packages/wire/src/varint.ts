// Writes protobuf's varints (LEB128), which segments use too.

/**
 * Writes a whole number from -2^53 to 2^53 - 1 at `at`. Returns where it ends. Needs 8 bytes of room,
 * or 10 if the number may be negative, because protobuf writes those as 64-bit two's complement.
 */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let next = at
  let rest = value
  if (value < 0) {
    let wide = BigInt.asUintN(64, BigInt(value))
    for (; wide >= 128n; wide >>= 7n) out[next++] = Number(wide & 127n) | 128
    out[next++] = Number(wide)
    return next
  }
  while (rest >= 0x80000000) {
    out[next++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  while (rest >= 128) {
    out[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  out[next++] = rest
  return next
}

/** Returns how many bytes `writeVarint` writes. */
export function varintLength(value: number): number {
  if (value < 0) return 10
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}
