// Watches how many values the labels of each tenant get in a day. Names those that grow without bound, and who
// pushes them. By wish they are kept as structured metadata instead (demotion.ts).

import type { LabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import { secondsPerDay } from '../day.ts'
import {
  countedLabelsMax,
  guiltyClientsMax,
  guiltyExamplesMax,
  guiltyTextCharsMax,
  guiltyValuesLeast,
} from '../limits.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { ValueCounter } from './value-counter.ts'

/** Who sent a push. */
export interface PushClient {
  readonly address: string
  /** Empty if the client does not say. */
  readonly userAgent: string
}

/** A label and its values since the day began or the store started. */
export interface CountedLabel {
  readonly tenant: string
  readonly label: string
  /** About how many. */
  readonly values: number
  readonly isGuilty: boolean
  /** Whether it is kept as structured metadata now. */
  readonly isDemoted: boolean
  /** Some of the newest. */
  readonly examples: readonly string[]
  /** Who pushed the most new values first: address and user agent. */
  readonly clients: readonly string[]
}

interface Watched {
  readonly counter: ValueCounter
  readonly examples: string[]
  /** Client → new values from it. */
  readonly clients: Map<string, number>
  /** At which count it is logged next. */
  nextTold: number
}

const none: ReadonlySet<string> = new Set()
const dayMs = secondsPerDay * 1000

export interface CardinalityGuardOptions {
  readonly logger: Logger
  readonly clock: { now(): number }
}

/** Counts values of labels. */
export class CardinalityGuard {
  readonly #options: CardinalityGuardOptions
  /** Tenant → label → its values. */
  #tenants = new Map<string, Map<string, Watched>>()
  #labelCount = 0
  #day = 0
  /** Tenant → labels that went above its threshold. They stay demoted until the store stops. */
  readonly #above = new Map<string, Set<string>>()
  /** Limits → the labels that they demote. Requests may name any tenant, so these are not kept by name. */
  readonly #listed = new WeakMap<TenantLimits, ReadonlySet<string>>()
  /** Tenant with labels above its threshold → its demoted labels, and the limits that they are from. */
  readonly #demoted = new Map<string, { limits: TenantLimits; names: ReadonlySet<string> }>()

  constructor(options: CardinalityGuardOptions) {
    this.#options = options
  }

  /** Counts the labels of a stream that a tenant has not pushed lately. */
  note(tenant: string, labels: LabelSet, from: NoteContext): void {
    const day = Math.floor(this.#options.clock.now() / dayMs)
    if (day !== this.#day) {
      this.#day = day
      this.#tenants = new Map()
      this.#labelCount = 0
    }
    let watched = this.#tenants.get(tenant)
    if (!watched) {
      watched = new Map()
      this.#tenants.set(tenant, watched)
    }
    for (const { name, value } of labels) {
      const label = watched.get(name) ?? this.#watch(watched, name)
      if (label?.counter.add(value)) this.#noteValue({ tenant, name, value }, label, from)
    }
  }

  /**
   * Returns the labels of a tenant that are kept as structured metadata: the same set until it changes.
   */
  demotedOf(tenant: string, limits: TenantLimits): ReadonlySet<string> {
    if (limits.demoteLabels.length === 0 && limits.demoteLabelsAbove === 0) return none
    const above = limits.demoteLabelsAbove > 0 ? this.#above.get(tenant) : undefined
    if (!above) return this.#listedIn(limits)
    const known = this.#demoted.get(tenant)
    if (known?.limits === limits) return known.names
    const names = new Set([...limits.demoteLabels, ...above])
    this.#demoted.set(tenant, { limits, names })
    return names
  }

  #listedIn(limits: TenantLimits): ReadonlySet<string> {
    const names = this.#listed.get(limits) ?? new Set(limits.demoteLabels)
    this.#listed.set(limits, names)
    return names
  }

  /** Lists the labels of one tenant, or of all. Those with the most values come first. */
  list(limitsOf: (tenant: string) => TenantLimits, only?: string): CountedLabel[] {
    const found: CountedLabel[] = []
    for (const [tenant, labels] of this.#tenants) {
      if (only !== undefined && only !== tenant) continue
      const demoted = this.demotedOf(tenant, limitsOf(tenant))
      for (const [label, watched] of labels) {
        const values = watched.counter.count
        found.push({
          ...{ tenant, label, values, examples: watched.examples },
          isGuilty: values >= guiltyValuesLeast,
          isDemoted: demoted.has(label),
          clients: clientsOf(watched),
        })
      }
    }
    return found.sort((a, b) => b.values - a.values)
  }

  #watch(watched: Map<string, Watched>, name: string): Watched | undefined {
    if (this.#labelCount >= countedLabelsMax) return undefined
    this.#labelCount++
    const label: Watched = {
      counter: new ValueCounter(),
      examples: [],
      clients: new Map(),
      nextTold: guiltyValuesLeast,
    }
    watched.set(name, label)
    return label
  }

  #noteValue(
    {
      tenant,
      name,
      value,
    }: { readonly tenant: string; readonly name: string; readonly value: string },
    label: Watched,
    { limits, client }: NoteContext,
  ): void {
    label.examples.push(cut(value))
    if (label.examples.length > guiltyExamplesMax) label.examples.shift()
    if (client) countClient(label.clients, client)
    const { count } = label.counter
    const isAbove = limits.demoteLabelsAbove > 0 && count > limits.demoteLabelsAbove
    if (isAbove) this.#demote({ tenant, name, count }, limits)
    if (count < label.nextTold || this.demotedOf(tenant, limits).has(name)) return
    label.nextTold *= 2
    const { examples } = label
    this.#options.logger.warn(
      { tenant, label: name, values: count, examples, clients: clientsOf(label) },
      'a label has very many values, so there are very many streams: put it into the lines or into structured metadata, or set limits_config.demote_labels',
    )
  }

  #demote(
    {
      tenant,
      name,
      count,
    }: { readonly tenant: string; readonly name: string; readonly count: number },
    limits: TenantLimits,
  ): void {
    const above = this.#above.get(tenant) ?? new Set()
    const isKept = name === 'service_name' || limits.enforcedLabels.includes(name)
    if (isKept || above.has(name) || limits.demoteLabels.includes(name)) return
    above.add(name)
    this.#above.set(tenant, above)
    this.#demoted.delete(tenant)
    this.#options.logger.warn(
      { tenant, label: name, values: count, limit: limits.demoteLabelsAbove },
      'a label has more values than limits_config.demote_labels_above: from now on it is structured metadata',
    )
  }
}

/** With what a stream came. */
export interface NoteContext {
  readonly limits: TenantLimits
  readonly client: PushClient | undefined
}

function countClient(clients: Map<string, number>, { address, userAgent }: PushClient): void {
  const text = userAgent === '' ? address : `${address} ${cut(userAgent)}`
  const known = clients.get(text)
  if (known === undefined && clients.size >= guiltyClientsMax) {
    // The one with the fewest values makes room, as long as it has few.
    const [fewest] = [...clients].sort((a, b) => a[1] - b[1])
    if (fewest![1] > 1) return
    clients.delete(fewest![0])
  }
  clients.set(text, (known ?? 0) + 1)
}

function clientsOf({ clients }: Watched): string[] {
  return [...clients].sort((a, b) => b[1] - a[1]).map(([text]) => text)
}

function cut(text: string): string {
  return text.length > guiltyTextCharsMax ? `${text.slice(0, guiltyTextCharsMax)}…` : text
}
