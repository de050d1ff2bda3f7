// Runs nerve_sd_configs and serverset_sd_configs: follows the nodes below an entry's paths, over one
// session after another. Targets found earlier stay until the next session has read everything.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { describeError } from '../../errors.ts'
import {
  treeLimits,
  zookeeperBackoff,
  zookeeperNodeRetryMs,
  zookeeperSettleMs,
} from '../../limits.ts'
import { backoffMs } from '../../net/backoff.ts'
import { joinHostPort } from '../host-port.ts'
import { ProblemReport } from '../problem-report.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from '../target-group.ts'
import type { ReadMember } from './member-labels.ts'
import { NodeTree } from './node-tree.ts'
import { openSession, type ServerAddress, shuffle } from './session.ts'

/** One checked entry. */
export interface ZookeeperConfig {
  /** The program that wrote the members. */
  readonly kind: 'nerve' | 'serverset'
  readonly servers: readonly ServerAddress[]
  readonly paths: readonly string[]
  /** Timeout of a session. */
  readonly timeoutMs: number
  readonly readMember: ReadMember
}

/** Follows the members of one entry. */
export class ZookeeperDiscovery implements Discoverer {
  readonly #config: ZookeeperConfig
  readonly #context: DiscoveryContext
  readonly #connection: ProblemReport
  readonly #nodes: ProblemReport
  readonly #abort = new AbortController()
  /** Groups reported last, by path. */
  #groups: ReadonlyMap<string, TargetGroup> = new Map()
  #onGroups: ((groups: Iterable<TargetGroup>) => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** Why servers could not be reached, since one last could. */
  readonly #failures = new Map<ServerAddress, string>()
  #failureCount = 0

  constructor(config: ZookeeperConfig, context: DiscoveryContext) {
    this.#config = config
    this.#context = context
    const { logger } = context
    const fields = { discovery: `${config.kind}_sd_configs` }
    this.#connection = new ProblemReport({ logger, fields })
    this.#nodes = new ProblemReport({
      ...{ logger, fields },
      began: 'Not all nodes of ZooKeeper are followed',
      ended: 'All nodes of ZooKeeper are followed',
    })
  }

  start(onGroups: (groups: Iterable<TargetGroup>) => void): void {
    this.#onGroups = onGroups
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    const servers = shuffle(this.#config.servers)
    for (let i = 0; !signal.aborted; i++) {
      const server = servers[i % servers.length]!
      try {
        await this.#follow(server)
      } catch (error) {
        if (signal.aborted) return
        this.#noteFailure(server, error)
      }
      const rounds = Math.floor((this.#failureCount - 1) / servers.length)
      const waitMs = backoffMs(zookeeperBackoff, rounds, { random: Math.random })
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Follows the nodes over one session. Throws the reason why the session ended. */
  async #follow(server: ServerAddress): Promise<never> {
    const { signal } = this.#abort
    const { timeoutMs, paths } = this.#config
    let tree: NodeTree | undefined
    const onChange = (path: string) => tree?.noteChange(path)
    const session = await openSession({ server, timeoutMs, signal, onChange })
    tree = new NodeTree({
      ...{ session, paths, limits: treeLimits, retryMs: zookeeperNodeRetryMs },
      readGroup: (path, data) => this.#readGroup(path, data),
      onChange: () => this.#tellSoon(tree!),
    })
    tree.start()
    const close = () => void session.close()
    signal.addEventListener('abort', close)
    if (signal.aborted) close()
    const reason = await session.ended
    signal.removeEventListener('abort', close)
    tree.stop()
    clearTimeout(this.#timer)
    this.#timer = undefined
    throw reason
  }

  /** Turns a node into a group. Reuses the earlier one if it is equal. */
  #readGroup(path: string, data: Buffer): TargetGroup | undefined {
    const { kind, readMember } = this.#config
    try {
      const targets = [readMember(data, path)]
      const group = { source: kind + path, labels: new Map<string, string>(), targets }
      const known = this.#groups.get(path)
      return known && isDeepStrictEqual(known, group) ? known : group
    } catch (error) {
      const fields = { path, error: (error as Error).message }
      this.#context.logger.debug(fields, 'The node is not a member of a service')
      return undefined
    }
  }

  #tellSoon(tree: NodeTree): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#tell(tree)
    }, zookeeperSettleMs)
  }

  #tell(tree: NodeTree): void {
    this.#failures.clear()
    this.#failureCount = 0
    this.#connection.tell(undefined)
    this.#nodes.tell(tree.problem)
    const groups = tree.groups()
    const unseen = tree.unseenPaths()
    for (const [path, group] of unseen.size > 0 ? this.#groups : []) {
      if (!groups.has(path) && isAtOrBelow(path, unseen)) groups.set(path, group)
    }
    this.#groups = groups
    this.#onGroups?.(groups.values())
  }

  /** A server that is down is no problem while another one answers. */
  #noteFailure(server: ServerAddress, error: unknown): void {
    const { servers } = this.#config
    this.#context.metrics.zookeeperFailures.inc()
    this.#failures.set(server, `${joinHostPort(server.host, server.port)}: ${describeError(error)}`)
    this.#failureCount++
    if (this.#failures.size === servers.length) {
      this.#connection.tell([...this.#failures.values()].sort().join('; '))
    }
  }

  async stop(): Promise<void> {
    this.#onGroups = undefined
    this.#abort.abort()
    await this.#running
  }
}

function isAtOrBelow(path: string, tops: ReadonlySet<string>): boolean {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/')))
    if (tops.has(at)) return true
  return tops.has('/')
}
