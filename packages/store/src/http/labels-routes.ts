// Label names, label values and series: what Grafana's query builder asks for.

import { parseSelector } from '@skald/query'
import {
  formatGoDuration,
  formatPrometheusDuration,
  type LabelSet,
  labelSetToObject,
  type Matcher,
} from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Catalog, TimeRange } from '../catalog/catalog.ts'
import { BadRequestError } from '../errors.ts'
import type { TenantLimits } from '../limits.ts'
import { earliestStart, readParams, tenantOf } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface LabelsRouteOptions {
  readonly authEnabled: boolean
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly clock: { now(): number }
  readonly catalog: Catalog
}

/** Adds the label and series routes, the older `/api/prom` ones among them. */
export function addLabelsRoutes(app: FastifyInstance, options: LabelsRouteOptions): void {
  const { catalog, authEnabled } = options
  const names = async (request: FastifyRequest): Promise<string[]> => {
    const { tenant, params, range } = open(request, options)
    const selector = params.get('query')
    if (selector === '') return catalog.labelNames(tenant, range)
    const found = new Set<string>()
    for (const labels of (
      await catalog.findStreams(tenant, parseSelector(selector), range)
    ).values()) {
      for (const { name } of labels) found.add(name)
    }
    return [...found].sort()
  }
  const values = async (request: FastifyRequest): Promise<string[]> => {
    const { name } = request.params as { name: string }
    const { tenant, params, range } = open(request, options)
    const selector = params.get('query')
    if (selector === '') return catalog.labelValues(tenant, name, range)
    const found = new Set<string>()
    for (const labels of (
      await catalog.findStreams(tenant, parseSelector(selector), range)
    ).values()) {
      for (const label of labels) if (label.name === name) found.add(label.value)
    }
    return [...found].sort()
  }
  // Loki leaves `data` out where there is nothing.
  const lokiAnswer = (found: readonly string[]) =>
    JSON.stringify({ status: 'success', ...(found.length > 0 && { data: found }) })
  const legacyAnswer = (found: readonly string[]) => JSON.stringify({ values: found })

  const get = (url: string, handler: (request: FastifyRequest) => Promise<string>) => {
    app.route({
      method: ['GET', 'POST'],
      url,
      handler: async (request, reply) => sendJson(reply, await handler(request)),
    })
  }
  get('/loki/api/v1/labels', async request => lokiAnswer(await names(request)))
  get('/loki/api/v1/label', async request => lokiAnswer(await names(request)))
  get('/loki/api/v1/label/:name/values', async request => lokiAnswer(await values(request)))
  get('/api/prom/label', async request => legacyAnswer(await names(request)))
  // Loki 3.4.6 answers label names here as well, whatever the name in the path.
  get('/api/prom/label/:name/values', async request => legacyAnswer(await names(request)))

  const series = async (request: FastifyRequest): Promise<string> => {
    const tenant = tenantOf(request, authEnabled)
    const params = readParams(request)
    const selectors = [...params.getAll('match'), ...params.getAll('match[]')]
    // `{}` alone stands for every stream, which a query may not ask for.
    const isAll =
      selectors.length === 0 || (selectors.length === 1 && isEmptySelector(selectors[0]!))
    const groups: (readonly Matcher[])[] = isAll ? [[]] : selectors.map(parseSelector)
    const range = checkedRange(request, options)
    const found = new Map<string, LabelSet>()
    for (const matchers of groups) {
      for (const [text, labels] of await catalog.findStreams(tenant, matchers, range)) {
        found.set(text, labels)
      }
    }
    const data = [...found.values()].map(labelSetToObject)
    return JSON.stringify({ status: 'success', data })
  }
  get('/loki/api/v1/series', series)
  get('/api/prom/series', series)
}

function isEmptySelector(text: string): boolean {
  return text.replaceAll(/\s/g, '') === '{}'
}

function open(request: FastifyRequest, options: LabelsRouteOptions) {
  const tenant = tenantOf(request, options.authEnabled)
  const params = readParams(request)
  return { tenant, params, range: checkedRange(request, options) }
}

/** @throws BadRequestError for a range that is turned around or longer than the limit. */
function checkedRange(
  request: FastifyRequest,
  { limitsOf, clock, authEnabled }: LabelsRouteOptions,
): TimeRange {
  const limits = limitsOf(tenantOf(request, authEnabled))
  const nowNs = BigInt(clock.now()) * 1_000_000n
  const asked = readParams(request).timeRange(nowNs)
  const range = { startNs: earliestStart(asked, limits, nowNs), endNs: asked.endNs }
  const lengthNs = range.endNs - range.startNs
  const { maxQueryLengthNs } = limits.query
  if (lengthNs < 0n) {
    throw new BadRequestError(
      'this data is no longer available, it is past now - max_query_lookback (0s)',
    )
  }
  if (maxQueryLengthNs > 0n && lengthNs > maxQueryLengthNs) {
    const length = formatGoDuration(lengthNs)
    const limit = formatPrometheusDuration(maxQueryLengthNs)
    throw new BadRequestError(
      `the query time range exceeds the limit (query length: ${length}, limit: ${limit})`,
    )
  }
  return range
}
