// Remembers who pushed lately and how much, for the status of the store. Keeps counts only, no lines, and forgets
// everything at a restart.

import {
  notedClientsMax,
  notedSlotMs,
  notedSlots,
  notedTextCharsMax,
  notedWritersMax,
} from '../limits.ts'
import type { PushClient } from './cardinality-guard.ts'

/** A client that pushed since the store started. */
export interface NotedClient extends PushClient {
  readonly pushes: number
  readonly lines: number
  /** Bytes of lines. */
  readonly bytes: number
  /** Time of its newest push. */
  readonly lastMs: number
}

/** What arrived in one span of `notedSlotMs`. */
export interface NotedSlot {
  readonly startMs: number
  readonly lines: number
  readonly bytes: number
}

interface Noted {
  /** Address and user agent → client, the one that was quiet for longest first. */
  readonly clients: Map<string, NotedClient>
  /** Oldest first. */
  readonly slots: NotedSlot[]
}

/** Counts pushes by tenant and client. */
export class PushNotes {
  readonly #clock: { now(): number }
  /** The tenant that was quiet for longest first. */
  readonly #tenants = new Map<string, Noted>()

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** Notes the lines of a push that were stored. */
  note(tenant: string, client: PushClient, size: { lines: number; bytes: number }): void {
    const nowMs = this.#clock.now()
    const noted: Noted = this.#tenants.get(tenant) ?? { clients: new Map(), slots: [] }
    putLast(this.#tenants, tenant, noted, notedWritersMax)
    const userAgent = client.userAgent.slice(0, notedTextCharsMax)
    const key = `${client.address} ${userAgent}`
    const { pushes, lines, bytes } = noted.clients.get(key) ?? { pushes: 0, lines: 0, bytes: 0 }
    const changed = {
      ...{ address: client.address, userAgent, lastMs: nowMs, pushes: pushes + 1 },
      ...{ lines: lines + size.lines, bytes: bytes + size.bytes },
    }
    putLast(noted.clients, key, changed, notedClientsMax)
    const startMs = Math.floor(nowMs / notedSlotMs) * notedSlotMs
    const last = noted.slots.at(-1)
    if (last?.startMs === startMs) {
      const grown = { startMs, lines: last.lines + size.lines, bytes: last.bytes + size.bytes }
      noted.slots[noted.slots.length - 1] = grown
      return
    }
    noted.slots.push({ startMs, ...size })
    if (noted.slots.length > notedSlots) noted.slots.shift()
  }

  /** Returns the clients of a tenant, the newest push first. */
  clientsOf(tenant: string): NotedClient[] {
    return [...(this.#tenants.get(tenant)?.clients.values() ?? [])].reverse()
  }

  /** Returns what a tenant pushed lately, oldest first. Spans without a push are left out. */
  slotsOf(tenant: string): NotedSlot[] {
    const oldestMs = this.#clock.now() - notedSlots * notedSlotMs
    return (this.#tenants.get(tenant)?.slots ?? []).filter(({ startMs }) => startMs >= oldestMs)
  }
}

/** Makes an entry the newest of a map, and removes the oldest ones beyond a number. */
function putLast<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= most) break
    map.delete(oldest)
  }
}
