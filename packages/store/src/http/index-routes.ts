// Statistics and volumes of streams: /loki/api/v1/index/stats, volume and volume_range.

import {
  parseMatchers,
  parseSelector,
  runIndexStats,
  runVolume,
  sampleText,
  secondsText,
  type VolumeGrouping,
  type VolumePoint,
  type VolumeRequest,
  type VolumeResult,
} from '@skald/query'
import { type LabelSet, labelSetToObject, type Matcher } from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BadRequestError } from '../errors.ts'
import type { Params } from './params.ts'
import {
  type LineRouteOptions,
  openRequest,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { sendJson } from './query-routes.ts'
import { formatStats } from './stats-json.ts'

/** Range, step and limit of a volume request. */
type VolumeBounds = Pick<VolumeRequest, 'startNs' | 'endNs' | 'stepNs' | 'limit'>

/** Adds the routes for index statistics and volumes. */
export function addIndexRoutes(app: FastifyInstance, options: LineRouteOptions): void {
  const { openSource } = options
  const methods = ['GET', 'POST']

  app.route({
    method: methods,
    url: '/loki/api/v1/index/stats',
    handler: async (request, reply) => {
      const { tenants, limits, params, nowNs } = openRequest(request, options)
      const { range: asked } = readRange(params, nowNs, () => params.limit())
      const range = withinLookback(asked, limits, nowNs)
      const matchers = parseSelector(params.get('query'))
      const stats = await withDeadline(request, limits, signal =>
        runIndexStats({ matchers, ...range, limits: limits.query }, openSource(tenants), signal),
      )
      const { streams, blocks, bytes, entries } = stats
      return sendJson(reply, JSON.stringify({ streams, chunks: blocks, bytes, entries }))
    },
  })

  const volume = async (
    request: FastifyRequest,
    read: (params: Params, nowNs: bigint) => VolumeBounds,
  ): Promise<string> => {
    const started = performance.now()
    const { tenants, limits, params, nowNs } = openRequest(request, options)
    if (!limits.volumeEnabled) throw new BadRequestError('not found', { code: 'VOLUME_DISABLED' })
    const asked = read(params, nowNs)
    const bounds = { ...asked, ...withinLookback(asked, limits, nowNs) }
    const query = { ...bounds, ...readGrouping(params), limits: limits.query }
    const result = await withDeadline(request, limits, signal =>
      runVolume({ ...query, maxSeries: limits.volumeMaxSeries }, openSource(tenants), signal),
    )
    return formatVolume(result, (performance.now() - started) / 1000)
  }
  app.route({
    method: methods,
    url: '/loki/api/v1/index/volume',
    handler: async (request, reply) => {
      const read = (params: Params, nowNs: bigint) => ({
        ...params.orderedRange(nowNs),
        limit: params.volumeLimit(),
      })
      return sendJson(reply, await volume(request, read))
    },
  })
  app.route({
    method: methods,
    url: '/loki/api/v1/index/volume_range',
    handler: async (request, reply) => {
      const read = (params: Params, nowNs: bigint) => {
        const { range, stepNs, limit } = readRange(params, nowNs, () => params.volumeLimit())
        return { ...range, stepNs, limit }
      }
      return sendJson(reply, await volume(request, read))
    },
  })
}

/**
 * Reads the parameters of a range query. Rejects what a range query rejects, even in parameters
 * that are not used here.
 */
function readRange(params: Params, nowNs: bigint, readLimit: () => number) {
  const range = params.orderedRange(nowNs)
  const limit = readLimit()
  params.direction()
  const stepNs = params.stepNs(range)
  params.intervalNs()
  return { range, limit, stepNs }
}

/** Reads the selector and the grouping. Streams without a target label do not count. */
function readGrouping(params: Params): { matchers: readonly Matcher[]; grouping: VolumeGrouping } {
  const aggregateBy = params.get('aggregateBy')
  if (!['', 'series', 'labels'].includes(aggregateBy)) {
    throw new BadRequestError('invalid aggregation option')
  }
  const matchers = parseMatchers(params.get('query'))
  const by = aggregateBy === 'labels' ? 'names' : 'values'
  const targets = params
    .get('targetLabels')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const matched = [...new Set(matchers.map(({ name }) => name))]
  if (targets.length === 0) {
    const names = by === 'names' || matched.length === 0 ? undefined : matched
    return { matchers, grouping: { by, names } }
  }
  const present = targets
    .filter(name => !matched.includes(name))
    .map((name): Matcher => ({ name, op: '!=', value: '' }))
  return { matchers: [...matchers, ...present], grouping: { by, names: targets } }
}

/** Formats a vector, or a matrix if a series has more than one point. */
function formatVolume({ series, stats }: VolumeResult, seconds: number): string {
  const isMatrix = series.some(({ points }) => points.length > 1)
  const result = series.map(({ labels, points }) =>
    isMatrix
      ? `{"metric":${metricJson(labels)},"values":[${points.map(pointJson).join(',')}]}`
      : `{"metric":${metricJson(labels)},"value":${pointJson(points[0]!)}}`,
  )
  return (
    `{"status":"success","data":{"resultType":"${isMatrix ? 'matrix' : 'vector'}",` +
    `"result":[${result.join(',')}],"stats":${formatStats(stats, { seconds, entryCount: 0 })}}}`
  )
}

function metricJson(labels: LabelSet): string {
  return JSON.stringify(labelSetToObject(labels))
}

function pointJson({ timeNs, bytes }: VolumePoint): string {
  return `[${secondsText(timeNs)},"${sampleText(bytes)}"]`
}
