// A client that announces a large push and sends almost nothing of it, like a broken or hostile
// one.

import { createConnection, type Socket } from 'node:net'

export interface SlowClient {
  readonly socket: Socket
  /** Returns the first line of the answer, or an empty text until there is one. */
  answer(): string
}

/** Announces a megabyte, and sends a kilobyte every `pauseMs` until it is disconnected. */
export function openSlowClient(
  url: URL,
  { pauseMs, tenant }: { readonly pauseMs: number; readonly tenant: string },
): SlowClient {
  const socket = createConnection({ host: url.hostname, port: Number(url.port) })
  let answer = ''
  socket.on('data', (data: Buffer) => {
    answer += data.toString('latin1')
  })
  socket.on('error', () => {
    // The server disconnects it, as expected.
  })
  socket.write(
    `POST /loki/api/v1/push HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: ${tenant}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${1024 * 1024}\r\n\r\n{"streams":[`,
  )
  const drip = setInterval(() => socket.write(' '.repeat(1100)), pauseMs)
  socket.once('close', () => clearInterval(drip))
  return { socket, answer: () => answer.split('\r\n')[0]! }
}
