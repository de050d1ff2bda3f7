// Faults of the network between replicas and their servers, drawn from a seed.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../bench/random.ts'
import type { TestProxy, Toxic } from './toxiproxy-process.ts'

/** Kinds of faults. Each has a direction, but for `refused`, which also cuts what is connected. */
const kinds = ['reset', 'black hole', 'latency', 'cut', 'refused'] as const
type Kind = (typeof kinds)[number]

function toxicOf(kind: Kind, random: Random): Toxic {
  const stream = random.pick(['upstream', 'downstream'] as const)
  switch (kind) {
    case 'reset':
      return { type: 'reset_peer', stream, attributes: { timeout: random.between(0, 200) } }
    case 'latency':
      return {
        ...{ type: 'latency', stream },
        attributes: { latency: random.between(50, 1500), jitter: random.between(0, 500) },
      }
    case 'cut':
      return { type: 'limit_data', stream, attributes: { bytes: random.between(1, 20_000) } }
    default:
      // Nothing arrives, and nobody is told.
      return { type: 'timeout', stream, attributes: { timeout: 0 } }
  }
}

/** Lets one connection have one fault for a while. Returns what it was, such as `cut downstream of bucket-0`. */
export async function disturb(proxies: readonly TestProxy[], random: Random): Promise<string> {
  const proxy = random.pick(proxies)
  const kind = random.pick(kinds)
  // Some are longer than a request to PostgreSQL may take.
  const ms = random.chance(0.2) ? random.between(5000, 8000) : random.between(50, 1500)
  if (kind === 'refused') {
    await proxy.setOpen(false)
    await sleep(ms)
    await proxy.setOpen(true)
    return `${kind} ${proxy.name}`
  }
  const toxic = toxicOf(kind, random)
  await proxy.spoil(toxic)
  await sleep(ms)
  await proxy.heal()
  return `${kind} ${toxic.stream} ${proxy.name}`
}
