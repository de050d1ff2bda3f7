// The first request of Logs Drilldown: which limits apply and which features it may show.

import { formatPrometheusDuration } from '@skald/go-dialect'
import type { FastifyInstance } from 'fastify'
import type { TenantLimits } from '../tenant-limits.ts'
import { limitsOfAll } from '../tenants/combined-limits.ts'
import { type ReadRouteOptions, tenantsOf } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface DrilldownRouteOptions
  extends Pick<ReadRouteOptions, 'authEnabled' | 'limitsOf' | 'mayJoinTenants'> {
  readonly version: string
}

/** Adds the route, with Loki 3.7's response format. */
export function addDrilldownRoutes(app: FastifyInstance, options: DrilldownRouteOptions): void {
  const { limitsOf, version } = options
  app.get('/loki/api/v1/drilldown-limits', (request, reply) => {
    const limits = limitsOfAll(tenantsOf(request, options), limitsOf)
    // The name is Loki's. Here it means that the patterns route exists.
    const url = `${app.prefix}/loki/api/v1/patterns`
    const answer = {
      limits: limitsJson(limits),
      pattern_ingester_enabled: app.hasRoute({ method: 'GET', url }),
      version,
    }
    void sendJson(reply, JSON.stringify(answer))
  })
}

/** Returns the limits that clients can run into, under their names in `limits_config`. */
function limitsJson(limits: TenantLimits) {
  const { query } = limits
  return {
    discover_log_levels: limits.discoverLogLevels,
    discover_service_name: limits.discoverServiceName,
    log_level_fields: limits.logLevelFields,
    max_entries_limit_per_query: query.maxEntriesLimitPerQuery,
    max_line_size: limits.maxLineBytes,
    max_line_size_truncate: limits.truncateLongLines,
    max_query_length: formatPrometheusDuration(query.maxQueryLengthNs),
    max_query_range: formatPrometheusDuration(query.maxQueryRangeNs),
    max_query_series: query.maxQuerySeries,
    query_timeout: formatPrometheusDuration(limits.queryTimeoutNs),
    retention_period: formatPrometheusDuration(limits.retentionNs),
    volume_enabled: limits.volumeEnabled,
    volume_max_series: limits.volumeMaxSeries,
  }
}
