// The Alertmanagers that an SRV record names. It is looked up again and again. If that fails, the servers stay.

import dns from 'node:dns/promises'
import { discoveredServersMax, lookupMs } from '../limits.ts'
import type { Alertmanager } from './alertmanager.ts'
import type { Notice } from './notice.ts'

export interface DiscoveredServersParts {
  /** Address with the name of the record as its host. */
  readonly url: string
  readonly discoveryMs: number
  readonly open: (url: string) => Pick<Alertmanager, 'send' | 'close'>
  readonly log: (message: string) => void
  /** Asks the name servers of the system if absent. */
  readonly resolver?: Pick<dns.Resolver, 'resolveSrv'>
}

/** The servers of one record. */
export class DiscoveredServers {
  readonly #parts: DiscoveredServersParts
  readonly #resolver: Pick<dns.Resolver, 'resolveSrv'>
  readonly #servers = new Map<string, ReturnType<DiscoveredServersParts['open']>>()
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void>
  #failure = ''
  #isClosed = false

  constructor(parts: DiscoveredServersParts) {
    this.#parts = parts
    this.#resolver = parts.resolver ?? new dns.Resolver({ timeout: lookupMs, tries: 2 })
    this.#looking = this.#look()
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look())
    }, parts.discoveryMs)
    this.#timer.unref()
  }

  /** Sends alerts to all servers, after the lookup under way. */
  send(notices: readonly Notice[]): void {
    void this.#looking.then(() => {
      for (const server of this.#servers.values()) server.send(notices)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#looking
    for (const server of this.#servers.values()) await server.close()
  }

  async #look(): Promise<void> {
    const { url, log, open } = this.#parts
    if (this.#isClosed) return
    const { hostname } = new URL(url)
    try {
      const records = await this.#resolver.resolveSrv(hostname)
      const found = records
        .slice(0, discoveredServersMax)
        .flatMap(({ name, port }) => addressOf(url, name, port) ?? [])
      if (found.length === 0) throw new TypeError('the record names no server')
      for (const one of found) if (!this.#servers.has(one)) this.#servers.set(one, open(one))
      for (const [known, server] of [...this.#servers]) {
        if (found.includes(known)) continue
        this.#servers.delete(known)
        await server.close()
      }
      if (this.#failure !== '') log(`found the Alertmanagers of ${hostname}`)
      this.#failure = ''
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#failure)
        log(`cannot look up the Alertmanagers of ${hostname}: ${message}`)
      this.#failure = message
    }
  }
}

/** Returns the address of a server; `undefined` if its name cannot be one, such as the root, which says that there is none. */
function addressOf(url: string, name: string, port: number): string | undefined {
  const host = name.replace(/\.$/, '').toLowerCase()
  const address = new URL(url)
  address.hostname = host
  address.port = String(port)
  return address.hostname === host ? address.href.replace(/\/+$/, '') : undefined
}
