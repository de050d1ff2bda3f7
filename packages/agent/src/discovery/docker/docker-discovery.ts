// Runs docker_sd_configs: lists the running containers at every refresh interval, and whenever Docker
// reports that one has started or ended.

import { access, constants } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { dockerIdleMs, dockerRetryMs, dockerSettleMs, recentContainerMs } from '../../limits.ts'
import { RepeatedTask } from '../../repeated-task.ts'
import type { ContainerLog } from '../../targets/file-target.ts'
import { ApiClient, type ApiConnection } from '../api-client.ts'
import { JsonLines } from '../json-lines.ts'
import { ProblemReport } from '../problem-report.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from '../target-group.ts'
import {
  type ContainerLabelOptions,
  containerLabels,
  containerTargets,
  type ListedContainer,
  type ListedNetwork,
} from './container-labels.ts'

/** One checked entry of `docker_sd_configs`. */
export interface DockerConfig extends ContainerLabelOptions {
  readonly connection: ApiConnection
  /** Docker's own filters, by name. */
  readonly filters: Readonly<Record<string, readonly string[]>>
  readonly refreshMs: number
}

interface DockerEvent {
  readonly Action?: string
  readonly Actor?: { readonly ID?: string }
}

interface Inspected {
  readonly LogPath?: string
  readonly Config?: { readonly Tty?: boolean }
  readonly HostConfig?: { readonly LogConfig?: { readonly Type?: string } }
}

/** Follows the containers of one daemon. */
export class DockerDiscovery implements Discoverer {
  readonly #config: DockerConfig
  readonly #client: ApiClient
  /** Where the logs of the listed containers are. */
  #logs = new Map<string, ContainerLog>()
  /** Containers that started a moment ago and may have ended since. */
  readonly #recent = new Map<string, NodeJS.Timeout>()
  #onGroups: ((groups: Iterable<TargetGroup>) => void) | undefined
  readonly #problem: ProblemReport
  readonly #listing = new RepeatedTask(
    () => this.#listAll(),
    () => this.#abort.signal.aborted,
  )
  #listening: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #eventTimer: NodeJS.Timeout | undefined
  readonly #abort = new AbortController()

  constructor(config: DockerConfig, { logger, userAgent }: DiscoveryContext) {
    this.#config = config
    this.#client = new ApiClient(config.connection, userAgent)
    this.#problem = new ProblemReport({
      ...{ logger, fields: {} },
      began: 'Cannot ask Docker, will try again',
      ended: 'Docker answers again',
    })
  }

  start(onGroups: (groups: Iterable<TargetGroup>) => void): void {
    this.#onGroups = onGroups
    this.#timer = setInterval(() => void this.#listing.request(), this.#config.refreshMs)
    this.#listening = this.#listen()
    void this.#listing.request()
  }

  async #listAll(): Promise<void> {
    const { signal } = this.#abort
    try {
      const groups = await this.#list()
      if (signal.aborted) return
      this.#problem.tell(undefined)
      this.#onGroups?.(groups)
    } catch (error) {
      if (signal.aborted) return
      // Keep what was found before: the daemon may be restarting while its containers run on.
      const { message } = error as Error
      const hint = /EACCES/.test(message) ? '. The agent needs the right to use the socket' : ''
      this.#problem.tell(message + hint)
    }
  }

  async #list(): Promise<TargetGroup[]> {
    const { signal } = this.#abort
    const containers = await this.#listContainers()
    const networks = (await this.#client.getJson(
      ...(['/networks', {}, signal] as const),
    )) as readonly ListedNetwork[]
    const all = new Map(containers.map(container => [container.Id, container]))
    const networksById = new Map(networks.map(network => [network.Id, network]))
    const logs = new Map<string, ContainerLog>()
    const groups: TargetGroup[] = []
    for (const container of containers) {
      const log = this.#logs.get(container.Id) ?? (await this.#inspect(container.Id))
      if (!log) continue
      logs.set(container.Id, log)
      groups.push({
        source: `docker/${container.Id}`,
        labels: containerLabels(container),
        targets: containerTargets(container, all, networksById, this.#config),
        container: log,
      })
    }
    this.#logs = logs
    return groups
  }

  /** Lists the running containers, and those that ran a moment ago. */
  async #listContainers(): Promise<readonly ListedContainer[]> {
    const { filters } = this.#config
    const list = async (all: number | undefined, wanted: DockerConfig['filters']) => {
      const query = { all, filters: Object.keys(wanted).length > 0 ? JSON.stringify(wanted) : '' }
      const listed = await this.#client.getJson('/containers/json', query, this.#abort.signal)
      return listed as readonly ListedContainer[]
    }
    const running = await list(undefined, filters)
    const missing = [...this.#recent.keys()].filter(id => !running.some(({ Id }) => Id === id))
    if (missing.length === 0) return running
    return [...running, ...(await list(1, { ...filters, id: missing }))]
  }

  /** Finds where a container's log is. Returns `undefined` if the container has ended meanwhile. */
  async #inspect(id: string): Promise<ContainerLog | undefined> {
    let inspected: Inspected
    try {
      const path = `/containers/${encodeURIComponent(id)}/json`
      inspected = (await this.#client.getJson(path, {}, this.#abort.signal)) as Inspected
    } catch (error) {
      if ((error as { status?: number }).status === 404) return undefined
      throw error
    }
    const { LogPath: path = '', Config, HostConfig } = inspected
    const isJsonFile = HostConfig?.LogConfig?.Type === 'json-file'
    const isVisible =
      isJsonFile && path !== '' && (await access(path, constants.R_OK).then(yes, no))
    return {
      id,
      path: isVisible ? path : undefined,
      isTty: Config?.Tty ?? false,
      follow: (since, options) => this.#follow(id, since, options),
    }
  }

  #follow(
    id: string,
    since: string,
    options: { readonly signal: AbortSignal; readonly idleMs: number },
  ): Promise<IncomingMessage> {
    const query = { follow: 1, stdout: 1, stderr: 1, timestamps: 1, since }
    // The reader may outlive discovery, so each call uses its own client.
    return this.#client.open(`/containers/${encodeURIComponent(id)}/logs`, query, options)
  }

  /** Lists the containers again whenever one starts or ends. */
  async #listen(): Promise<void> {
    const { signal } = this.#abort
    const filters = JSON.stringify({ type: ['container'], event: ['start', 'die', 'rename'] })
    while (!signal.aborted) {
      try {
        const options = { signal, idleMs: dockerIdleMs }
        const response = await this.#client.open('/events', { filters }, options)
        // Catch up on events from before this connection.
        this.#refreshSoon()
        const lines = new JsonLines()
        for await (const chunk of response as AsyncIterable<Buffer>) {
          for (const event of lines.push(chunk)) this.#note(event as DockerEvent)
        }
      } catch {
        // The listing reports that the daemon is away; here we only retry later.
      }
      await sleep(dockerRetryMs, undefined, { signal }).catch(no)
    }
  }

  #note({ Action, Actor }: DockerEvent): void {
    const id = Actor?.ID
    if (Action === 'start' && id !== undefined) {
      clearTimeout(this.#recent.get(id))
      const timer = setTimeout(() => {
        this.#recent.delete(id)
        this.#refreshSoon()
      }, recentContainerMs)
      this.#recent.set(id, timer)
    }
    this.#refreshSoon()
  }

  #refreshSoon(): void {
    if (this.#abort.signal.aborted) return
    this.#eventTimer ??= setTimeout(() => {
      this.#eventTimer = undefined
      void this.#listing.request()
    }, dockerSettleMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#eventTimer)
    for (const timer of this.#recent.values()) clearTimeout(timer)
    this.#onGroups = undefined
    this.#abort.abort()
    await Promise.all([this.#listing.running, this.#listening])
    this.#client.close()
  }
}

const yes = () => true
const no = () => false
