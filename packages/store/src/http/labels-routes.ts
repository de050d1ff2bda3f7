// Label names, label values and series, for Grafana's query builder.

import { parseSelector } from '@skald/query'
import { type LabelSet, labelSetToObject, type Matcher } from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Catalog, TimeRange } from '../catalog/catalog.ts'
import { PastLookbackError } from '../errors.ts'
import { streamBytes } from '../limits.ts'
import { openStreamReader } from '../tenants/stream-reader.ts'
import { holdUntilTaken, watchTaking } from './held-answer.ts'
import { checkLength, openRequest, type ReadRouteOptions, withinLookback } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface LabelsRouteOptions extends ReadRouteOptions {
  readonly catalog: Catalog
}

/** Finds names, values or series. Calls `onCount` with the number of streams it looks at, which may throw. */
type Find<T> = (request: FastifyRequest, onCount: (count: number) => void) => Promise<T>

/** Adds the label and series routes, including the older `/api/prom` ones. */
export function addLabelsRoutes(app: FastifyInstance, options: LabelsRouteOptions): void {
  const { catalog } = options
  const { createHold } = options
  const names: Find<string[]> = async (request, onCount) => {
    const { reader, params, range } = open(request, options)
    const selector = params.get('query')
    if (selector === '') return reader.labelNames(range)
    const found = new Set<string>()
    for (const labels of (
      await reader.findStreams(parseSelector(selector), range, onCount)
    ).values()) {
      for (const { name } of labels) found.add(name)
    }
    return [...found].sort()
  }
  const values: Find<string[]> = async (request, onCount) => {
    const { name } = request.params as { name: string }
    const { reader, params, range } = open(request, options)
    const selector = params.get('query')
    if (selector === '') return reader.labelValues(name, range)
    const found = new Set<string>()
    for (const labels of (
      await reader.findStreams(parseSelector(selector), range, onCount)
    ).values()) {
      for (const label of labels) if (label.name === name) found.add(label.value)
    }
    return [...found].sort()
  }
  // Loki omits `data` if it is empty.
  const lokiAnswer = (found: readonly string[]) =>
    JSON.stringify({ status: 'success', ...(found.length > 0 && { data: found }) })
  const legacyAnswer = (found: readonly string[]) => JSON.stringify({ values: found })

  const get = (url: string, find: Find<string>) => {
    app.route({
      method: ['GET', 'POST'],
      url,
      handler: async (request, reply) => {
        const hold = holdUntilTaken(reply.raw, createHold)
        await catalog.refresh()
        const answer = await find(request, count => hold?.take(count * streamBytes))
        watchTaking(reply.raw, hold)
        return sendJson(reply, answer)
      },
    })
  }
  get('/loki/api/v1/labels', async (...asked) => lokiAnswer(await names(...asked)))
  get('/loki/api/v1/label', async (...asked) => lokiAnswer(await names(...asked)))
  get('/loki/api/v1/label/:name/values', async (...asked) => lokiAnswer(await values(...asked)))
  get('/api/prom/label', async (...asked) => legacyAnswer(await names(...asked)))
  // Loki 3.4.6 returns label names here too, whatever name is in the path.
  get('/api/prom/label/:name/values', async (...asked) => legacyAnswer(await names(...asked)))

  const series: Find<string> = async (request, onCount) => {
    const opened = openRequest(request, options)
    const { tenants, params } = opened
    const selectors = [...params.getAll('match'), ...params.getAll('match[]')]
    // A lone `{}` means every stream here. Queries may not use it.
    const isAll =
      selectors.length === 0 || (selectors.length === 1 && isEmptySelector(selectors[0]!))
    const groups: (readonly Matcher[])[] = isAll ? [[]] : selectors.map(parseSelector)
    const range = checkedRange(opened)
    const reader = openStreamReader(catalog, tenants)
    const found = new Map<string, LabelSet>()
    for (const matchers of groups) {
      for (const [text, labels] of await reader.findStreams(matchers, range, onCount)) {
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
  const opened = openRequest(request, options)
  const reader = openStreamReader(options.catalog, opened.tenants)
  return { ...opened, reader, range: checkedRange(opened) }
}

/** @throws BadRequestError when the range is reversed or longer than the limit. */
function checkedRange({ params, limits, nowNs }: ReturnType<typeof openRequest>): TimeRange {
  const range = withinLookback(params.timeRange(nowNs), limits, nowNs)
  if (range.endNs < range.startNs) throw new PastLookbackError(limits)
  checkLength(range, limits)
  return range
}
