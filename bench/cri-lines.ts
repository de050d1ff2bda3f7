// Container logs as a runtime writes them: CRI lines with JSON and plain text of an application.

import { Random } from './random.ts'

const words = [
  'request',
  'served',
  'from',
  'cache',
  'user',
  'retry',
  'upstream',
  'timeout',
  'order',
]

/** Generates `count` lines of about 200 bytes each from a seed. */
export function createCriLines(seed: number, count: number): string[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, i) => {
    const nanos = String(random.below(1_000_000_000)).padStart(9, '0')
    const time = `2026-01-15T12:00:${String(i % 60).padStart(2, '0')}.${nanos}Z`
    const id = random.below(2 ** 31).toString(16)
    const text = Array.from({ length: 8 }, () => random.pick(words)).join(' ')
    const body =
      i % 2 === 0
        ? `{"level":"info","id":"${id}","ms":${random.below(900)},"path":"/api/v1/orders/${id}","msg":"${text}"}`
        : `INFO [worker-${i % 9}] ${text} id=${id} took=${random.below(900)}ms bytes=${random.below(90_000)}`
    return `${time} ${i % 10 === 0 ? 'stderr' : 'stdout'} F ${body}\n`
  })
}
