// The time of this machine.

/** Returns the time now, in nanoseconds since 1970. */
export function systemNowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n
}
