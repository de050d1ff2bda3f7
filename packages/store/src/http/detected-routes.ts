// Routes for exploring unknown lines: labels worth offering, fields and their values.

import { setImmediate } from 'node:timers/promises'
import {
  type DetectedField,
  detectFields,
  detectFieldValues,
  isUsefulLabel,
  parseSelector,
} from '@skald/query'
import { ascending } from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Catalog, TimeRange } from '../catalog/catalog.ts'
import { openStreamReader, type StreamReader } from '../tenants/stream-reader.ts'
import {
  checkLength,
  type LineRouteOptions,
  openRequest,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface DetectedRouteOptions extends LineRouteOptions {
  readonly catalog: Catalog
}

/**
 * Adds the routes for detected labels and fields. If there are none, the answer is `{}`, like
 * Loki's.
 */
export function addDetectedRoutes(app: FastifyInstance, options: DetectedRouteOptions): void {
  const { catalog, openSource } = options
  const methods = ['GET', 'POST']

  app.route({
    method: methods,
    url: '/loki/api/v1/detected_labels',
    handler: async (request, reply) => {
      const { tenants, limits, params, nowNs } = openRequest(request, options)
      const range = withinLookback(params.orderedRange(nowNs), limits, nowNs)
      checkLength(range, limits)
      const selector = params.get('query')
      const reader = openStreamReader(catalog, tenants)
      const found = await withDeadline(request, limits, async signal => {
        await catalog.refresh()
        return selector.trim() === ''
          ? allLabels(reader, { range, signal })
          : labelsOfStreams(reader, { range, selector })
      })
      return sendJson(reply, JSON.stringify(found.length > 0 ? { detectedLabels: found } : {}))
    },
  })

  const readFields = (request: FastifyRequest) => {
    const { tenants, limits, params, nowNs } = openRequest(request, options)
    const asked = params.orderedRange(nowNs)
    const lineLimit = params.lineLimit()
    const limit = params.fieldLimit()
    // Not used here, but Loki rejects invalid values.
    params.stepNs(asked)
    const range = withinLookback(asked, limits, nowNs)
    const bounds = { lineLimit, limit, limits: limits.query }
    const query = { logql: params.get('query'), ...range, ...bounds }
    return { query, limits, source: openSource(tenants) }
  }
  app.route({
    method: methods,
    url: '/loki/api/v1/detected_fields',
    handler: async (request, reply) => {
      const { query, limits, source } = readFields(request)
      const fields = await withDeadline(request, limits, signal =>
        detectFields(query, source, signal),
      )
      const answer = { fields: fields.map(fieldJson) }
      const body = fields.length > 0 ? { ...answer, limit: query.limit } : {}
      return sendJson(reply, JSON.stringify(body))
    },
  })
  app.route({
    method: methods,
    url: '/loki/api/v1/detected_field/:name/values',
    handler: async (request, reply) => {
      const { name } = request.params as { name: string }
      const { query, limits, source } = readFields(request)
      const values = await withDeadline(request, limits, signal =>
        detectFieldValues({ ...query, name }, source, signal),
      )
      const body = values.length > 0 ? { values, limit: query.limit } : {}
      return sendJson(reply, JSON.stringify(body))
    },
  })
}

function fieldJson(field: DetectedField) {
  const { label, type, cardinality, parsers, jsonPath } = field
  return {
    label,
    type,
    cardinality,
    // Loki marks structured metadata with `null`.
    parsers: parsers.length > 0 ? parsers : null,
    ...(jsonPath && { jsonPath }),
  }
}

interface DetectedLabel {
  readonly label: string
  readonly cardinality: number
}

/** Returns all labels of the tenants. Keeps the values of only one name in memory at a time. */
async function allLabels(
  reader: StreamReader,
  { range, signal }: { range: TimeRange; signal: AbortSignal },
): Promise<DetectedLabel[]> {
  const found: DetectedLabel[] = []
  for (const label of await reader.labelNames(range)) {
    const values = await reader.labelValues(label, range)
    if (isUsefulLabel(label, values)) found.push({ label, cardinality: values.length })
    // The catalog is synchronous, so let other requests run here.
    await setImmediate()
    signal.throwIfAborted()
  }
  return found
}

async function labelsOfStreams(
  reader: StreamReader,
  { range, selector }: { range: TimeRange; selector: string },
): Promise<DetectedLabel[]> {
  const valuesOf = new Map<string, Set<string>>()
  const streams = await reader.findStreams(parseSelector(selector), range)
  for (const labels of streams.values()) {
    for (const { name, value } of labels) {
      const values = valuesOf.get(name)
      if (values) values.add(value)
      else valuesOf.set(name, new Set([value]))
    }
  }
  return [...valuesOf]
    .filter(([label, values]) => isUsefulLabel(label, values))
    .map(([label, values]) => ({ label, cardinality: values.size }))
    .sort((a, b) => ascending(a.label, b.label))
}
