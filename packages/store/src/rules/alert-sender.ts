// Sends alerts to the Alertmanagers of their tenants, and says what receivers are told of an alert.

import { createLabelSet, labelValue } from '@skald/wire'
import type { Logger } from 'pino'
import type { AlertmanagerConfig, RulerConfig } from '../ruler-config.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { Alert } from './alert-machine.ts'
import { Alertmanager } from './alertmanager.ts'
import { DiscoveredServers } from './discovered-servers.ts'
import type { AlertsToSend } from './group-runner.ts'
import { linkOf, type Notice } from './notice.ts'
import type { PlacedGroup } from './rule.ts'
import type { RulerMetrics } from './ruler-metrics.ts'

export interface AlertSenderParts {
  readonly config: RulerConfig
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly metrics: RulerMetrics
}

/** The Alertmanagers of all tenants. */
export class AlertSender {
  readonly #parts: AlertSenderParts
  readonly #servers = new Map<string, readonly (Alertmanager | DiscoveredServers)[]>()

  constructor(parts: AlertSenderParts) {
    this.#parts = parts
  }

  /** Sends alerts. @param isCurrent Returns false once another process does so. */
  send({ placed, rule, alerts }: AlertsToSend, isCurrent: () => boolean): void {
    const servers = this.#serversOf(placed.tenant)
    if (servers.length === 0) return
    const notices = alerts.map(alert => ({
      ...this.noticeOf(placed, rule.expr, alert),
      isCurrent,
    }))
    for (const server of servers) server.send(notices)
  }

  /** Returns what receivers are told of an alert. */
  noticeOf({ tenant }: PlacedGroup, expr: string, alert: Alert): Notice {
    const { config, clock } = this.#parts
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

  /** Drops what waits: it is sent again after a restart. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values()].flat()
    await Promise.all(servers.map(server => server.close()))
  }

  #serversOf(tenant: string): readonly (Alertmanager | DiscoveredServers)[] {
    const { config, limitsOf } = this.#parts
    const own = limitsOf(tenant).ruler.alertmanager ?? config.alertmanager
    const key = JSON.stringify([tenant, own.discoveryMs, own.servers.map(({ url }) => url)])
    const known = this.#servers.get(key)
    if (known) return known
    const made = this.#open(tenant, own)
    this.#servers.set(key, made)
    return made
  }

  #open(tenant: string, config: AlertmanagerConfig): (Alertmanager | DiscoveredServers)[] {
    const { logger, metrics } = this.#parts
    const log = (message: string) => logger.warn(message)
    const open = (server: AlertmanagerConfig['servers'][number]) =>
      new Alertmanager({
        ...{ server, tenant, metrics, log },
        capacity: config.queueCapacity,
        timeoutMs: config.timeoutMs,
        relabelRules: config.relabelRules,
      })
    const { discoveryMs } = config
    if (discoveryMs === undefined) return config.servers.map(open)
    return config.servers.map(
      ({ url, access }) =>
        new DiscoveredServers({
          url,
          discoveryMs,
          log,
          open: found => open({ url: found, access }),
        }),
    )
  }
}
