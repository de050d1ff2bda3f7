// The ruler: reads the rules, evaluates their groups, and passes on what they find. Loaded only if the configuration has
// a ruler.

import { isAbsolute, normalize } from 'node:path'
import type { LogSource } from '@skald/query'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { isSameGroup } from '../catalog/kept-rules.ts'
import { RuleRequestError } from '../errors.ts'
import { ruleGroupsMax, ruleNameCharsMax, ruleQueriesAtOnceMax } from '../limits.ts'
import type { RulerConfig } from '../ruler-config.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { WorkSlots } from '../work-slots.ts'
import { AlertSender } from './alert-sender.ts'
import { type AlertsToSend, GroupRunner, type StopReason } from './group-runner.ts'
import { type GroupStatus, storedStatus } from './group-status.ts'
import { type HookAnswer, type HookWish, unheardHooks } from './heard-alerts.ts'
import { RemoteWrite } from './remote-write.ts'
import { groupKey, type PlacedGroup, type RuleGroup } from './rule.ts'
import { RuleDirectory } from './rule-directory.ts'
import { readRuleGroup } from './rule-file.ts'
import { runRuleQuery } from './rule-query.ts'
import { SharedLeaves } from './rule-source.ts'
import type { GroupState, RuleStore } from './rule-store.ts'
import type { TemplateSample } from './rule-template.ts'
import { formatGroup } from './rule-text.ts'
import { createRulerMetrics, type RulerMetrics } from './ruler-metrics.ts'
import { Webhook } from './webhook.ts'

export interface RulerOptions {
  readonly config: RulerConfig
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly rules: RuleStore
  readonly registry: Registry
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly openSource: (tenant: string) => LogSource
  readonly version: string
}

/** Which groups a client asks for. */
export interface GroupFilter {
  readonly tenant: string
  readonly namespace?: string
}

interface Running {
  readonly runner: GroupRunner
  readonly state: GroupState
  /** The group as YAML. */
  readonly text: string
}

/** A running ruler. */
export class Ruler {
  readonly #options: RulerOptions
  readonly #metrics: RulerMetrics
  readonly #directory: RuleDirectory
  readonly #turns = new WorkSlots({
    countMax: ruleQueriesAtOnceMax,
    bytesMax: Number.POSITIVE_INFINITY,
  })
  readonly #shared = new SharedLeaves()
  readonly #writes: readonly RemoteWrite[]
  readonly #hooks: readonly Webhook[]
  readonly #hookWishes: readonly HookWish[]
  readonly #runners = new Map<string, Running>()
  /** Texts of groups, so that those that have not changed are not written again. */
  readonly #texts = new WeakMap<RuleGroup, string>()
  /** Groups made by API as they were last read, by their texts. */
  #parsed: ReadonlyMap<string, PlacedGroup> = new Map()
  readonly #sender: AlertSender
  readonly #stop = new AbortController()
  /** Cuts requests to webhooks, which may end for a moment longer than queries. */
  readonly #cut = new AbortController()
  #fileGroups: readonly PlacedGroup[] = []
  #apiGroups: readonly PlacedGroup[] = []
  #timer: NodeJS.Timeout | undefined
  #changing: Promise<unknown> = Promise.resolve()
  /** Whether what should run could not be started, because the states could not be read. */
  #isBehind = false

  constructor(options: RulerOptions) {
    const { config, registry, rules, limitsOf, version } = options
    this.#options = options
    this.#metrics = createRulerMetrics(registry, config.hasGroupLabel)
    this.#sender = new AlertSender({ ...options, metrics: this.#metrics })
    this.#directory = new RuleDirectory(config.directory)
    this.#hooks = config.webhooks.map(hook => new Webhook(hook, config.webhookHosts))
    this.#hookWishes = this.#hooks.map(({ name, sendsResolved }) => ({ name, sendsResolved }))
    this.#writes = config.remoteWrite.clients.map(
      client =>
        new RemoteWrite({
          config: client,
          openQueue: queue => rules.openQueue(queue),
          sendsTenant: config.remoteWrite.sendsTenant,
          limitsOf: tenant => limitsOf(tenant).ruler,
          metrics: this.#metrics,
          log: message => options.logger.warn(message),
          version,
        }),
    )
  }

  get hasApi(): boolean {
    return this.#options.config.hasApi
  }

  /** Reads the rules and begins to evaluate them. */
  async start(): Promise<void> {
    const { config, rules, logger } = this.#options
    await rules.shared?.start({
      onRules: () => this.#change(() => this.#applyOrWait(() => this.#readKept())),
      onTurns: async hasChanged => {
        if (hasChanged || this.#isBehind)
          await this.#change(() => this.#applyOrWait(async () => undefined))
      },
      onSamples: () => {
        for (const write of this.#writes) write.wake()
      },
    })
    await this.#change(async () => {
      await this.#readKept()
      await this.#readFiles()
    })
    const { pollMs } = config
    if (pollMs <= 0) return
    this.#timer = setInterval(() => {
      this.#change(() => this.#readFiles()).catch((err: Error) =>
        logger.error({ err }, 'cannot follow the files of rules yet'),
      )
    }, pollMs)
    this.#timer.unref()
  }

  /** Stops all groups, and keeps what was not sent. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const { runner } of this.#runners.values()) runner.prepareStop()
    this.#stop.abort(new DOMException('the store stops', 'AbortError'))
    await this.#changing
    await Promise.all([...this.#runners.values()].map(({ runner }) => runner.stop('stays')))
    this.#cut.abort()
    await this.#sender.close()
    for (const write of this.#writes) await write.close()
    for (const hook of this.#hooks) hook.close()
    await this.#options.rules.shared?.close()
  }

  /** Returns the groups of a tenant: those of files, then those made by API. */
  async list({ tenant, namespace }: GroupFilter): Promise<PlacedGroup[]> {
    if (this.#options.rules.shared) await this.#readKept()
    return this.#known(tenant).filter(
      placed => namespace === undefined || placed.namespace === namespace,
    )
  }

  #known(tenant: string): PlacedGroup[] {
    return [...this.#fileGroups, ...this.#apiGroups].filter(placed => placed.tenant === tenant)
  }

  /** Returns the state of the groups of a tenant. @throws CatalogUnavailableError if it cannot be read. */
  async status(tenant: string): Promise<GroupStatus[]> {
    const { shared } = this.#options.rules
    if (!shared) {
      return [...this.#runners.values()]
        .map(({ runner }) => runner.status)
        .filter(({ placed }) => placed.tenant === tenant)
    }
    await this.#readKept()
    const own = [...this.#wanted()].filter(([, placed]) => placed.tenant === tenant)
    const stored = await shared.read(own.map(([key]) => key))
    return own.map(([key, placed]) =>
      storedStatus(placed, this.#intervalOf(placed), stored.get(key)),
    )
  }

  /**
   * Adds a group, or replaces the one of its name. It is durable when this resolves.
   * @throws RuleRequestError if the group cannot be used; StorageUnavailableError.
   */
  async set(tenant: string, namespace: string, text: string): Promise<void> {
    checkNamespace(namespace)
    const { groups, problems } = readRuleGroup(text)
    const [group] = groups
    const isNoGroup = problems.some(({ message }) =>
      /^(This is not YAML|the rule group)/.test(message),
    )
    if (!group || isNoGroup) throw new RuleRequestError('unable to decoded rule group')
    if (problems.length > 0)
      throw new RuleRequestError(problems.map(({ message }) => message).join(', '))
    checkLength(group.name, 'groupname')
    const { rulesPerGroupMax, groupsMax } = this.#options.limitsOf(tenant).ruler
    if (rulesPerGroupMax > 0 && group.rules.length > rulesPerGroupMax) {
      throw new RuleRequestError(
        `per-user rules per rule group limit (limit: ${rulesPerGroupMax} actual: ${group.rules.length}) exceeded`,
      )
    }
    await this.#change(async () => {
      const { rules } = this.#options
      await this.#readKept()
      const own = this.#known(tenant)
      const same = own.find(
        other => other.namespace === namespace && other.group.name === group.name,
      )
      if (same?.source === 'file') {
        throw new RuleRequestError(
          `the group ${group.name} is in the file ${namespace} of the rules directory: change it there`,
        )
      }
      const most = groupsMax || ruleGroupsMax
      if (own.length + 1 > most && !(same && own.length <= most)) {
        throw new RuleRequestError(
          `per-user rule groups limit (limit: ${most} actual: ${own.length + 1}) exceeded`,
        )
      }
      await rules.setGroup({ tenant, namespace, name: group.name, text: formatGroup(group) })
      await this.#applyOrWait(() => this.#readKept())
    })
  }

  /** Removes a group. Returns false if there is none. @throws RuleRequestError if it is in a file. */
  remove(tenant: string, namespace: string, name: string): Promise<boolean> {
    return this.#removeThose(placed => {
      return isSameGroup({ ...placed, name: placed.group.name }, { tenant, namespace, name })
    })
  }

  /** Removes the groups of a namespace. Returns false if there are none. @throws RuleRequestError */
  removeNamespace(tenant: string, namespace: string): Promise<boolean> {
    return this.#removeThose(placed => placed.tenant === tenant && placed.namespace === namespace)
  }

  #removeThose(isMeant: (placed: PlacedGroup) => boolean): Promise<boolean> {
    return this.#change(async () => {
      await this.#readKept()
      const meant = this.#apiGroups.filter(isMeant)
      if (meant.length === 0) {
        const inFile = this.#fileGroups.find(isMeant)
        if (!inFile) return false
        throw new RuleRequestError(
          `the group ${inFile.group.name} is in the file ${inFile.namespace} of the rules directory: remove it there`,
        )
      }
      await this.#options.rules.removeGroups(
        meant.map(({ tenant, namespace, group: { name } }) => ({ tenant, namespace, name })),
      )
      await this.#applyOrWait(() => this.#readKept())
      return true
    })
  }

  /** Changes wait for each other. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(work)
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #readKept(): Promise<void> {
    const { rules, logger } = this.#options
    const next = new Map<string, PlacedGroup>()
    for (const { tenant, namespace, name, text } of await rules.listGroups()) {
      const key = JSON.stringify([tenant, namespace, text])
      const known = this.#parsed.get(key)
      const [group] = known ? [known.group] : readRuleGroup(text).groups
      if (group) next.set(key, known ?? { tenant, namespace, group, source: 'api' })
      else logger.error({ tenant, namespace, name }, 'a stored rule group cannot be read')
    }
    this.#parsed = next
    this.#apiGroups = [...next.values()]
  }

  async #readFiles(): Promise<void> {
    const { groups, tenants, problems } = this.#directory.read()
    for (const problem of problems) this.#options.logger.error(`rules: ${problem}`)
    for (const [user, isUsable] of tenants) this.#metrics.reloadOk.set({ user }, isUsable ? 1 : 0)
    this.#fileGroups = groups
    await this.#applyOrWait(async () => undefined)
  }

  /** Runs what should run. If the states cannot be read, that is tried again with the next change or turn. */
  async #applyOrWait(prepare: () => Promise<void>): Promise<void> {
    try {
      await prepare()
      await this.#apply()
      this.#isBehind = false
    } catch (error) {
      if (!this.#options.rules.shared) throw error
      if (!this.#isBehind && !this.#stop.signal.aborted)
        this.#options.logger.warn(
          { reason: (error as Error).message },
          'cannot begin to evaluate groups of rules yet',
        )
      this.#isBehind = true
    }
  }

  #wanted(): Map<string, PlacedGroup> {
    const wanted = new Map<string, PlacedGroup>()
    for (const placed of [...this.#fileGroups, ...this.#apiGroups]) {
      const key = groupKey(placed)
      if (this.#mayRun(placed.tenant) && !wanted.has(key)) wanted.set(key, placed)
    }
    return wanted
  }

  #textOf({ group }: PlacedGroup): string {
    const text = this.#texts.get(group) ?? formatGroup(group)
    this.#texts.set(group, text)
    return text
  }

  /** Starts new groups, restarts changed ones, and stops those that are gone or another process's. */
  async #apply(): Promise<void> {
    if (this.#stop.signal.aborted) return
    const { rules } = this.#options
    const wanted = this.#wanted()
    const stopping = [...this.#runners].flatMap(([key, { runner, state, text }]) => {
      const placed = wanted.get(key)
      if (placed && state.isCurrent && this.#textOf(placed) === text) return []
      const reason: StopReason = !state.isCurrent ? 'moved' : placed ? 'stays' : 'gone'
      this.#runners.delete(key)
      return [{ reason, stopped: runner.stop(reason) }]
    })
    await Promise.all(stopping.map(({ stopped }) => stopped))
    const hasGone = stopping.some(({ reason }) => reason === 'gone')
    if (hasGone || this.#runners.size === 0 || rules.shared)
      await rules.forgetOthers(new Set(wanted.keys()))
    const states = await rules.open([...wanted.keys()].filter(key => !this.#runners.has(key)))
    for (const [key, state] of states) {
      const placed = wanted.get(key)!
      const runner = await this.#openRunner(placed, state)
      this.#runners.set(key, { runner, state, text: this.#textOf(placed) })
      runner.start()
    }
    const tenants = new Set([...wanted.values()].map(({ tenant }) => tenant))
    this.#metrics.managers.set(tenants.size)
  }

  #mayRun(tenant: string): boolean {
    const { enabledTenants: enabled, disabledTenants: disabled } = this.#options.config
    return (enabled.length === 0 || enabled.includes(tenant)) && !disabled.includes(tenant)
  }

  #intervalOf({ group }: PlacedGroup): number {
    return group.intervalMs || this.#options.config.evaluationMs
  }

  #openRunner(placed: PlacedGroup, state: GroupState): Promise<GroupRunner> {
    const { config, rules, clock, logger } = this.#options
    const { tenant, namespace, group } = placed
    return GroupRunner.open(placed, {
      intervalMs: this.#intervalOf(placed),
      resendDelayMs: config.resendDelayMs,
      toleranceMs: config.outageToleranceMs,
      graceMs: config.graceMs,
      takeoverMs: rules.takeoverMs,
      context: {
        externalLabels: config.externalLabels,
        externalUrl: config.externalUrl,
        query: (logql, timeNs) => this.#query(tenant, logql, timeNs, state.lost),
      },
      ...{ state, clock, metrics: this.#metrics },
      onAlerts: alerts => this.#sender.send(alerts, () => state.mayTell),
      tellHooks: alerts => this.#tellHooks(alerts, state),
      hooks: this.#hookWishes,
      onSamples:
        this.#writes.length === 0
          ? undefined
          : async (owner, samples) => {
              if (this.#options.limitsOf(owner).ruler.isRemoteWriteOff) return
              for (const write of this.#writes) {
                if (state.addSamples) state.addSamples(write.name, { tenant: owner, samples })
                else await write.append(owner, samples)
              }
            },
      onFailure: (_placed, rule, error) => {
        if (this.#stop.signal.aborted) return
        logger.warn(
          { tenant, namespace, group: group.name, rule: rule.name, err: error },
          'the evaluation of a rule failed',
        )
      },
      turn: work => this.#turns.run(0, work),
    })
  }

  /** Runs the query of a rule at one time. */
  async #query(
    tenant: string,
    logql: string,
    timeNs: bigint,
    lost: AbortSignal,
  ): Promise<readonly TemplateSample[]> {
    const { openSource, limitsOf } = this.#options
    const limits = limitsOf(tenant)
    const timeoutMs = Number(limits.queryTimeoutNs / 1_000_000n)
    const signals = timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : []
    const source = this.#shared.wrap(tenant, openSource(tenant))
    const signal = AbortSignal.any([this.#stop.signal, lost, ...signals])
    return runRuleQuery({ logql, timeNs, source, signal, limits: limits.query })
  }

  /** Tells all webhooks what they do not know. */
  #tellHooks(
    { placed, rule, alerts }: AlertsToSend,
    state: GroupState,
  ): readonly Promise<HookAnswer>[] {
    const name = `${placed.namespace}/${placed.group.name}`
    return this.#hooks.map(async hook => {
      const nothing = { hook: hook.name, taken: [] }
      const own = alerts.filter(alert => unheardHooks(alert, [hook]).length > 0)
      const notices = own.map(alert => this.#sender.noticeOf(placed, rule.expr, alert))
      if (!state.mayTell) return nothing
      const answer = await hook.send(name, notices, this.#cut.signal)
      const isRefused = answer && (answer.status < 200 || answer.status >= 300)
      if (answer && !isRefused)
        this.#metrics.webhookSent.inc({ webhook: hook.name }, notices.length)
      if (isRefused) {
        this.#metrics.webhookErrors.inc({ webhook: hook.name })
        const status = answer.status > 0 ? `${answer.status} ` : ''
        this.#options.logger.warn(
          `the webhook ${hook.name} takes no alerts, they are sent again: ${status}${answer.text}`,
        )
      }
      return { hook: hook.name, taken: own.filter((_, i) => hook.knows(notices[i]!)) }
    })
  }
}

/** Names are only data. The bound keeps them readable. @throws RuleRequestError */
function checkLength(name: string, what: 'namespace' | 'groupname'): void {
  if (name.length <= ruleNameCharsMax) return
  throw new RuleRequestError(
    `invalid ${what}: longer than ${ruleNameCharsMax} characters`,
    'RULE_NAME',
  )
}

/** Refuses what would be a path out of a directory in Loki. @throws RuleRequestError */
function checkNamespace(name: string): void {
  checkLength(name, 'namespace')
  const path = normalize(name)
  if (name !== '' && !isAbsolute(path) && path !== '..' && !path.startsWith('../')) return
  throw new RuleRequestError('invalid namespace: path traversal not allowed', 'RULE_NAME')
}
