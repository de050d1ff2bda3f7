// A server that takes requests and answers as a test says.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestScope } from '../harness.ts'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  /** Waits until this many requests have come. */
  waitFor(count: number): Promise<void>
}

/** Starts a receiver. `answer` returns the status of a request by its number, from 0. */
export async function startReceiver(
  t: TestScope,
  answer: (index: number) => number = () => 200,
): Promise<Receiver> {
  const received: Received[] = []
  const waiting: { count: number; done: () => void }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk as Buffer))
    request.on('end', () => {
      const { url = '', headers } = request
      received.push({ path: url, headers, body: Buffer.concat(chunks) })
      response.writeHead(answer(received.length - 1)).end('told')
      for (const one of waiting) if (received.length >= one.count) one.done()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    waitFor: count =>
      received.length >= count
        ? Promise.resolve()
        : new Promise(done => waiting.push({ count, done })),
  }
}

/** Access without credentials and certificates. */
export const openAccess = {
  basicAuth: undefined,
  authorization: undefined,
  tls: {
    ...{ caFile: '', certFile: '', keyFile: '', serverName: '', minVersion: '' },
    isUnverified: false,
  },
} as const
