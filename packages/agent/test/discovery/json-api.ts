// A loopback server that answers requests with JSON, like an API.

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** An error answer. Its status is 404 by default. */
export class Refusal {
  readonly status: number

  constructor(status = 404) {
    this.status = status
  }
}

/** Starts a server that stops with the test. Returns its address (`host:port`). */
export async function startJsonApi(
  t: Test,
  answer: (request: IncomingMessage) => unknown,
): Promise<string> {
  const server = createServer((request, response) => {
    const answered = answer(request)
    if (answered instanceof Refusal) response.writeHead(answered.status).end('told so')
    else response.end(JSON.stringify(answered))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
