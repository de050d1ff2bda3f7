// Random lines of all kinds: words, ids, JSON, logfmt, characters of many languages, and bytes that
// are not text. The same seed gives the same lines.

/** A source of random numbers. */
export interface TestRandom {
  /** Returns a whole number from 0 to `limit` - 1. */
  below(limit: number): number
  /** Returns `bytes` random bytes as hexadecimal digits. */
  hex(bytes: number): string
  pick<T>(choices: readonly T[]): T
}

/** Creates a source (mulberry32). */
export function createRandom(seed: number): TestRandom {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    hex: bytes => Array.from({ length: 2 * bytes }, () => below(16).toString(16)).join(''),
    pick: choices => choices[below(choices.length)]!,
  }
}

const words = [
  ...['connection', 'refused', 'timeout', 'GET', 'error', 'Panic', 'user', 'login', 'okay', 'stop'],
  ...['größe', '日本語', '🙂', 'Ἀθήνα', 'ſtraße', 'Kelvin', 'a', 'the', 'of', 'request'],
]

const makers: readonly ((random: TestRandom) => Buffer)[] = [
  random =>
    Buffer.from(Array.from({ length: random.below(12) }, () => random.pick(words)).join(' ')),
  random => Buffer.from(`${random.pick(words)} id=${random.hex(8)} took=${random.below(900)}ms`),
  random =>
    Buffer.from(
      JSON.stringify({
        level: random.pick(['info', 'error']),
        trace_id: random.hex(16),
        msg: `${random.pick(words)} "${random.pick(words)}"\n${random.pick(['<', 'é', '/x', '\\'])}`,
        n: random.below(1e6),
      }),
    ),
  random =>
    Buffer.from(`{"trace_id":"${random.hex(4)}\\u00${random.pick(['61', '3c', '5c', '2d'])}ab"}`),
  random => Buffer.from(Array.from({ length: random.below(80) }, () => random.below(256))),
  random => Buffer.from(random.hex(random.below(40))),
  random => Buffer.from('x'.repeat(random.below(30))),
  random => Buffer.from(`two\n${random.pick(words)}\n${random.hex(6)}`),
]

/** Returns a random line. */
export function randomLine(random: TestRandom): Buffer {
  return random.pick(makers)(random)
}
