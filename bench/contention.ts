// How others affect pushes: the time of a push alone, while 100 clients run queries that read
// everything, and while 500 clients announce pushes and send almost nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import { createWorkload, type WorkloadSummary } from './generator.ts'
import { queryPath } from './query.ts'
import { HttpClient, type Server } from './server.ts'
import { openSlowClient } from './slow-client.ts'

/** Times of pushes in milliseconds. */
export interface PushTimes {
  readonly median: number
  readonly p99: number
  readonly max: number
  readonly count: number
}

export interface ContentionResult {
  readonly alone: PushTimes
  readonly besideQueries: PushTimes
  readonly besideSlowClients: PushTimes
  readonly queryClients: number
  readonly slowClients: number
  readonly queriesAnswered: number
  /** Status → number of queries answered with it, except 200. */
  readonly queriesRefused: Readonly<Record<string, number>>
}

/** Clients that are active at the same time. */
export const queryClients = 100
export const slowClients = 500
/** Often enough not to be disconnected. */
const slowPauseMs = 20_000
const pushPath = '/loki/api/v1/push'
/** As many pushes as an agent on each of twenty nodes sends. */
const pushPauseMs = 50
const measuredPushes = 250
const warmUpPushes = 50
/** Bytes of lines in a push, in units of 10^6. */
const pushMegabytes = 1
const hourMs = 3_600_000
/** Time until all clients have a query running. */
const warmUpMs = 3_000

/**
 * Pushes the lines of another hour, first alone, then with queries and slow clients. Waits for each
 * client's last query.
 */
export async function runContention(
  server: Server,
  workload: WorkloadSummary,
  headers: Readonly<Record<string, string>>,
): Promise<ContentionResult> {
  const bodies = createPushes(workload)
  const pusher = new HttpClient(server.url, 1, headers)
  await timePushes(pusher, bodies.splice(0, warmUpPushes))
  const alone = await timePushes(pusher, bodies.splice(0, measuredPushes))
  const load = startQueries(server, workload, headers)
  await sleep(warmUpMs)
  const besideQueries = await timePushes(pusher, bodies.splice(0, measuredPushes))
  const { answered, refused } = await load.stop()
  const slow = Array.from({ length: slowClients }, () =>
    openSlowClient(new URL(server.url), { pauseMs: slowPauseMs, tenant: 'slow' }),
  )
  await sleep(warmUpMs)
  const besideSlowClients = await timePushes(pusher, bodies.splice(0, measuredPushes))
  for (const { socket } of slow) socket.destroy()
  pusher.close()
  return {
    ...{ alone, besideQueries, besideSlowClients, queryClients, slowClients },
    ...{ queriesAnswered: answered, queriesRefused: refused },
  }
}

function createPushes({ options }: WorkloadSummary): Buffer[] {
  const megabytes = (warmUpPushes + 3 * measuredPushes + 1) * pushMegabytes
  const startMs = options.startMs - hourMs
  return [...createWorkload({ seed: options.seed + 1, megabytes, startMs }).bodies]
}

async function timePushes(client: HttpClient, bodies: readonly Buffer[]): Promise<PushTimes> {
  const times: number[] = []
  for (const body of bodies) {
    const startMs = performance.now()
    const answer = await client.send(pushPath, body)
    times.push(performance.now() - startMs)
    if (answer.status !== 204) throw new Error(`Push was answered ${answer.status}: ${answer.body}`)
    await sleep(pushPauseMs)
  }
  times.sort((a, b) => a - b)
  const count = times.length
  const at = (share: number) => times[Math.min(count - 1, Math.floor(share * count))]!
  return { median: at(0.5), p99: at(0.99), max: times.at(-1)!, count }
}

/** Starts clients that each run their own query repeatedly until they are stopped. */
function startQueries(
  server: Server,
  workload: WorkloadSummary,
  headers: Readonly<Record<string, string>>,
) {
  let isStopping = false
  let answered = 0
  const refused: Record<string, number> = {}
  const ask = async (client: HttpClient, index: number) => {
    const path = queryPath('query_range', {
      query: `sum by (app) (count_over_time({namespace=~".+"} |~ "(?i)timed out|refused ${index}" [1m]))`,
      start: `${workload.options.startMs}000000`,
      end: `${workload.endMs}000000`,
      step: '60s',
    })
    while (!isStopping) {
      const { status } = await client.send(path).catch(() => ({ status: 0 }))
      if (status === 200) answered++
      else refused[status] = (refused[status] ?? 0) + 1
    }
  }
  const clients = Array.from({ length: queryClients }, (_, index) => {
    const client = new HttpClient(server.url, 1, headers)
    return { client, ended: ask(client, index) }
  })
  return {
    async stop() {
      isStopping = true
      await Promise.all(clients.map(({ ended }) => ended))
      for (const { client } of clients) client.close()
      return { answered, refused }
    },
  }
}
