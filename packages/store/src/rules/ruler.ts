// The ruler: reads the rules, evaluates their groups, and passes on what they find. Loaded only if the configuration has
// a ruler.

import { isAbsolute, join, normalize } from 'node:path'
import type { LogSource } from '@skald/query'
import { createLabelSet, labelValue } from '@skald/wire'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { KeptRules } from '../catalog/kept-rules.ts'
import { RuleRequestError } from '../errors.ts'
import { ruleGroupsMax, ruleNameCharsMax, ruleQueriesAtOnceMax } from '../limits.ts'
import type { AlertmanagerConfig, RulerConfig } from '../ruler-config.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { WorkSlots } from '../work-slots.ts'
import type { Alert } from './alert-machine.ts'
import { Alertmanager } from './alertmanager.ts'
import { type AlertsToSend, GroupRunner, type GroupStatus } from './group-runner.ts'
import { linkOf, type Notice } from './notice.ts'
import { RemoteWrite } from './remote-write.ts'
import { groupKey, type PlacedGroup } from './rule.ts'
import { RuleDirectory } from './rule-directory.ts'
import { readRuleGroup } from './rule-file.ts'
import { runRuleQuery } from './rule-query.ts'
import { SharedLeaves } from './rule-source.ts'
import type { TemplateSample } from './rule-template.ts'
import { formatGroup } from './rule-text.ts'
import { createRulerMetrics, type RulerMetrics } from './ruler-metrics.ts'
import { Webhook } from './webhook.ts'

export interface RulerOptions {
  readonly config: RulerConfig
  readonly dataDir: string
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly kept: KeptRules
  /** Makes changes of rules durable beyond this disk. Absent if nothing has to. */
  readonly keep: (() => Promise<void>) | undefined
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
  readonly #runners = new Map<string, { readonly runner: GroupRunner; readonly text: string }>()
  readonly #alertmanagers = new Map<string, readonly Alertmanager[]>()
  readonly #stop = new AbortController()
  #fileGroups: readonly PlacedGroup[] = []
  #apiGroups: readonly PlacedGroup[] = []
  #timer: NodeJS.Timeout | undefined
  #changing: Promise<unknown> = Promise.resolve()

  constructor(options: RulerOptions) {
    const { config, registry, dataDir, limitsOf, version } = options
    this.#options = options
    this.#metrics = createRulerMetrics(registry, config.hasGroupLabel)
    this.#directory = new RuleDirectory(config.directory)
    this.#hooks = config.webhooks.map(hook => new Webhook(hook, config.webhookHosts))
    this.#writes = config.remoteWrite.clients.map(
      client =>
        new RemoteWrite({
          config: client,
          directory: join(dataDir, 'remote-write'),
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
    this.#apiGroups = this.#readKept()
    await this.#change(() => this.#readFiles())
    const { pollMs } = this.#options.config
    if (pollMs <= 0) return
    this.#timer = setInterval(() => void this.#change(() => this.#readFiles()), pollMs)
    this.#timer.unref()
  }

  /** Stops all groups, and keeps what was not sent. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort(new DOMException('the store stops', 'AbortError'))
    await this.#changing
    await Promise.all(
      [...this.#runners.values()].map(({ runner }) => runner.stop({ isGone: false })),
    )
    for (const servers of this.#alertmanagers.values())
      await Promise.all(servers.map(server => server.close()))
    for (const write of this.#writes) await write.close()
    for (const hook of this.#hooks) hook.close()
  }

  /** Returns the groups of a tenant: those of files, then those made by API. */
  list({ tenant, namespace }: GroupFilter): PlacedGroup[] {
    return [...this.#fileGroups, ...this.#apiGroups].filter(
      placed =>
        placed.tenant === tenant && (namespace === undefined || placed.namespace === namespace),
    )
  }

  /** Returns the state of the groups of a tenant. */
  status(tenant: string): GroupStatus[] {
    return [...this.#runners.values()]
      .map(({ runner }) => runner.status)
      .filter(({ placed }) => placed.tenant === tenant)
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
      const own = this.list({ tenant })
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
      const kept = { tenant, namespace, name: group.name }
      const before = this.#options.kept.listGroups().find(other => sameGroup(other, kept))
      this.#options.kept.setGroup({ ...kept, text: formatGroup(group) })
      await this.#keepOr(() => {
        if (before) this.#options.kept.setGroup(before)
        else this.#options.kept.removeGroup(tenant, namespace, group.name)
      })
      this.#apiGroups = this.#readKept()
      await this.#apply()
    })
  }

  /** Removes a group. Returns false if there is none. @throws RuleRequestError if it is in a file. */
  remove(tenant: string, namespace: string, name: string): Promise<boolean> {
    return this.#removeThose(placed => {
      return sameGroup({ ...placed, name: placed.group.name }, { tenant, namespace, name })
    })
  }

  /** Removes the groups of a namespace. Returns false if there are none. @throws RuleRequestError */
  removeNamespace(tenant: string, namespace: string): Promise<boolean> {
    return this.#removeThose(placed => placed.tenant === tenant && placed.namespace === namespace)
  }

  #removeThose(isMeant: (placed: PlacedGroup) => boolean): Promise<boolean> {
    return this.#change(async () => {
      const meant = this.#apiGroups.filter(isMeant)
      if (meant.length === 0) {
        const inFile = this.#fileGroups.find(isMeant)
        if (!inFile) return false
        throw new RuleRequestError(
          `the group ${inFile.group.name} is in the file ${inFile.namespace} of the rules directory: remove it there`,
        )
      }
      const { kept } = this.#options
      const before = kept.listGroups()
      for (const { tenant, namespace, group } of meant)
        kept.removeGroup(tenant, namespace, group.name)
      await this.#keepOr(() => {
        for (const group of before) kept.setGroup(group)
      })
      this.#apiGroups = this.#readKept()
      await this.#apply()
      return true
    })
  }

  /** Changes wait for each other. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(work)
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #keepOr(undo: () => void): Promise<void> {
    try {
      await this.#options.keep?.()
    } catch (error) {
      undo()
      throw error
    }
  }

  #readKept(): PlacedGroup[] {
    return this.#options.kept.listGroups().flatMap(({ tenant, namespace, name, text }) => {
      const [group] = readRuleGroup(text).groups
      if (group) return [{ tenant, namespace, group, source: 'api' as const }]
      this.#options.logger.error({ tenant, namespace, name }, 'a stored rule group cannot be read')
      return []
    })
  }

  async #readFiles(): Promise<void> {
    const { groups, tenants, problems } = this.#directory.read()
    for (const problem of problems) this.#options.logger.error(`rules: ${problem}`)
    for (const [user, isUsable] of tenants) this.#metrics.reloadOk.set({ user }, isUsable ? 1 : 0)
    this.#fileGroups = groups
    await this.#apply()
  }

  /** Starts new groups, restarts changed ones, and stops those that are gone. */
  async #apply(): Promise<void> {
    if (this.#stop.signal.aborted) return
    const wanted = new Map<string, PlacedGroup>()
    for (const placed of [...this.#fileGroups, ...this.#apiGroups]) {
      const key = groupKey(placed)
      if (this.#mayRun(placed.tenant) && !wanted.has(key)) wanted.set(key, placed)
    }
    let hasGone = false
    for (const [key, { runner, text }] of [...this.#runners]) {
      const placed = wanted.get(key)
      if (placed && formatGroup(placed.group) === text) continue
      await runner.stop({ isGone: placed === undefined })
      this.#runners.delete(key)
      hasGone ||= placed === undefined
    }
    if (hasGone || this.#runners.size === 0) this.#options.kept.forgetOthers(new Set(wanted.keys()))
    for (const [key, placed] of wanted) {
      if (this.#runners.has(key)) continue
      const runner = this.#createRunner(placed)
      this.#runners.set(key, { runner, text: formatGroup(placed.group) })
      runner.start()
    }
    const tenants = new Set([...wanted.values()].map(({ tenant }) => tenant))
    this.#metrics.managers.set(tenants.size)
  }

  #mayRun(tenant: string): boolean {
    const { enabledTenants: enabled, disabledTenants: disabled } = this.#options.config
    return (enabled.length === 0 || enabled.includes(tenant)) && !disabled.includes(tenant)
  }

  #createRunner(placed: PlacedGroup): GroupRunner {
    const { config, kept, clock, logger } = this.#options
    const { tenant, namespace, group } = placed
    return new GroupRunner(placed, {
      intervalMs: group.intervalMs || config.evaluationMs,
      resendDelayMs: config.resendDelayMs,
      toleranceMs: config.outageToleranceMs,
      graceMs: config.graceMs,
      context: {
        externalLabels: config.externalLabels,
        externalUrl: config.externalUrl,
        query: (logql, timeNs) => this.#query(tenant, logql, timeNs),
      },
      ...{ kept, clock, metrics: this.#metrics },
      onAlerts: alerts => this.#sendAlerts(alerts),
      tellHooks: this.#hooks.length > 0 ? alerts => this.#tellHooks(alerts) : undefined,
      onSamples:
        this.#writes.length === 0
          ? undefined
          : async (owner, samples) => {
              if (this.#options.limitsOf(owner).ruler.isRemoteWriteOff) return
              for (const write of this.#writes) await write.append(owner, samples)
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
  async #query(tenant: string, logql: string, timeNs: bigint): Promise<readonly TemplateSample[]> {
    const { openSource, limitsOf } = this.#options
    const limits = limitsOf(tenant)
    const timeoutMs = Number(limits.queryTimeoutNs / 1_000_000n)
    const signals = timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : []
    const source = this.#shared.wrap(tenant, openSource(tenant))
    const signal = AbortSignal.any([this.#stop.signal, ...signals])
    return runRuleQuery({ logql, timeNs, source, signal, limits: limits.query })
  }

  #sendAlerts({ placed, rule, alerts }: AlertsToSend): void {
    const servers = this.#serversOf(placed.tenant)
    if (servers.length === 0) return
    const notices = alerts.map(alert => this.#noticeOf(placed, rule.expr, alert))
    for (const server of servers) server.send(notices)
  }

  #noticeOf({ tenant }: PlacedGroup, expr: string, alert: Alert): Notice {
    const { config, clock } = this.#options
    const own = alert.labels.map(({ name, value }) => [name, value] as const)
    const external = [...config.externalLabels].filter(
      ([name]) => labelValue(alert.labels, name) === '',
    )
    const isOver = alert.state === 'inactive'
    return {
      tenant,
      labels: createLabelSet([...external, ...own]),
      annotations: alert.annotations,
      state: isOver ? 'resolved' : 'firing',
      startsMs: alert.firedMs || clock.now(),
      endsMs: isOver ? alert.resolvedMs : alert.validMs,
      value: alert.value,
      link: linkOf(expr, config),
    }
  }

  #serversOf(tenant: string): readonly Alertmanager[] {
    const own = this.#options.limitsOf(tenant).ruler.alertmanager
    const config = own ?? this.#options.config.alertmanager
    const key = JSON.stringify([tenant, config.servers.map(({ url }) => url)])
    const known = this.#alertmanagers.get(key)
    if (known) return known
    const made = this.#openServers(tenant, config)
    this.#alertmanagers.set(key, made)
    return made
  }

  #openServers(tenant: string, config: AlertmanagerConfig): Alertmanager[] {
    const { logger } = this.#options
    return config.servers.map(
      server =>
        new Alertmanager({
          ...{ server, tenant, metrics: this.#metrics },
          capacity: config.queueCapacity,
          timeoutMs: config.timeoutMs,
          relabelRules: config.relabelRules,
          log: message => logger.warn(message),
        }),
    )
  }

  /** Tells all webhooks. Returns the alerts that every one of them has taken. */
  async #tellHooks({ placed, rule, alerts }: AlertsToSend): Promise<readonly Alert[]> {
    const name = `${placed.namespace}/${placed.group.name}`
    const notices = alerts.map(alert => ({
      alert,
      notice: this.#noticeOf(placed, rule.expr, alert),
    }))
    const wants = (hook: Webhook, { state }: Notice) => hook.sendsResolved || state === 'firing'
    await Promise.all(
      this.#hooks.map(async hook => {
        const own = notices.map(({ notice }) => notice).filter(notice => wants(hook, notice))
        const answer = await hook.send(name, own, this.#stop.signal)
        if (!answer) return
        if (answer.status >= 200 && answer.status < 300) {
          this.#metrics.webhookSent.inc({ webhook: hook.name }, own.length)
          return
        }
        this.#metrics.webhookErrors.inc({ webhook: hook.name })
        const status = answer.status > 0 ? `${answer.status} ` : ''
        this.#options.logger.warn(
          `the webhook ${hook.name} takes no alerts, they are sent again: ${status}${answer.text}`,
        )
      }),
    )
    const isTold = (notice: Notice) =>
      this.#hooks.every(hook => !wants(hook, notice) || hook.knows(notice))
    return notices.flatMap(({ alert, notice }) => (isTold(notice) ? [alert] : []))
  }
}

interface GroupNames {
  readonly tenant: string
  readonly namespace: string
  readonly name: string
}

function sameGroup(a: GroupNames, b: GroupNames): boolean {
  return a.tenant === b.tenant && a.namespace === b.namespace && a.name === b.name
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
