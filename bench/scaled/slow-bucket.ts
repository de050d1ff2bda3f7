// A way to a bucket on which uploads take as long as at a cloud, and which can go away.

import { Agent, createServer, request } from 'node:http'
import { loopbackHost } from '../../e2e/skald-process.ts'

/** Each PUT is kept back for 40 to 80 ms, the goals of these rows are for such uploads. */
const putMsLeast = 40
const putMsMost = 80

/** A slow way to a bucket. */
export interface SlowBucket {
  readonly url: string
  /** While true, all connections are cut. */
  isAway: boolean
  close(): void
}

/** Opens the way. Requests pass unchanged, because their signatures cover the headers. */
export async function openSlowBucket(targetUrl: string, random: () => number): Promise<SlowBucket> {
  const target = new URL(targetUrl)
  const agent = new Agent({ keepAlive: true })
  const server = createServer((incoming, response) => {
    if (way.isAway) {
      incoming.socket.destroy()
      return
    }
    const forward = () => {
      const outgoing = request(
        {
          ...{ agent, host: target.hostname, port: target.port, method: incoming.method },
          ...{ path: incoming.url, headers: incoming.headers },
        },
        answer => {
          response.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(response)
        },
      )
      outgoing.on('error', () => incoming.socket.destroy())
      incoming.pipe(outgoing)
    }
    if (incoming.method === 'PUT') {
      setTimeout(forward, putMsLeast + random() * (putMsMost - putMsLeast))
    } else forward()
  })
  await new Promise<void>(resolve => server.listen(0, loopbackHost, resolve))
  const { port } = server.address() as { port: number }
  const way: SlowBucket = {
    url: `http://${loopbackHost}:${port}`,
    isAway: false,
    close: () => {
      server.closeAllConnections()
      server.close()
      agent.destroy()
    },
  }
  return way
}
