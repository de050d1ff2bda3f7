// Cuts connections that would hold the store up. Bodies that stop arriving or arrive too slowly are
// answered with 408 and cut. So is whatever is still arriving a while after a stop began. A request
// whose body has arrived is always answered.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import {
  bodyLeastBytesPerSecond,
  bodyProgressBytesLeast,
  requestArrivalMs,
  stopGraceMs,
} from '../limits.ts'

declare module 'node:http' {
  interface IncomingMessage {
    /** Whether the body may last for hours and be slow, because it is stored while it arrives. */
    mayLast?: boolean
  }
}

/** The current request on one connection. */
interface Connection {
  request: IncomingMessage | undefined
  response: ServerResponse | undefined
  /** Bytes read, and when, at the last progress. */
  bytesRead: number
  sinceMs: number
  /** The same at the beginning of the request. */
  beginBytesRead: number
  beginMs: number
}

export interface ConnectionWatchOptions {
  /**
   * How long a body may pause. After this time in total, it must also have kept the minimum rate. 0
   * means no limit.
   */
  readonly pauseMs: number
}

/** Watches the connections of a server until it closes. */
export function watchConnections(app: FastifyInstance, { pauseMs }: ConnectionWatchOptions): void {
  const server = app.server as Server
  const connections = new Map<Socket, Connection>()
  server.on('connection', (socket: Socket) => {
    connections.set(socket, {
      ...{ request: undefined, response: undefined },
      ...{ bytesRead: 0, sinceMs: 0, beginBytesRead: 0, beginMs: 0 },
    })
    socket.once('close', () => connections.delete(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const connection = connections.get(socket)
    if (!connection) return
    connection.request = request
    connection.response = response
    connection.bytesRead = socket.bytesRead
    connection.sinceMs = performance.now()
    connection.beginBytesRead = connection.bytesRead
    connection.beginMs = connection.sinceMs
    response.once('close', () => {
      if (connection.response === response) connection.response = undefined
    })
  })
  const cutStalled = () => {
    for (const [socket, connection] of connections) {
      if (hasStalled(socket, connection, pauseMs)) cut(socket, connection.response)
    }
  }
  const sweep = setInterval(cutStalled, Math.min(1000, (pauseMs || 4000) / 4)).unref()
  app.addHook('preClose', done => {
    const cutRest = setTimeout(() => {
      for (const [socket, connection] of connections) {
        const isArriving = connection.request?.complete === false
        if (isArriving || !connection.response) cut(socket, connection.response)
      }
    }, stopGraceMs)
    cutRest.unref()
    server.once('close', () => clearTimeout(cutRest))
    clearInterval(sweep)
    done()
  })
}

/**
 * Returns true if a body is still arriving and has paused too long, or has taken too long at too
 * low a rate, or altogether.
 */
function hasStalled(socket: Socket, connection: Connection, pauseMs: number): boolean {
  if (!connection.request) return false
  if (connection.request.complete) {
    connection.request = undefined
    return false
  }
  const nowMs = performance.now()
  const tookMs = nowMs - connection.beginMs
  const cameBytes = socket.bytesRead - connection.beginBytesRead
  const { mayLast = false } = connection.request
  if (!mayLast && tookMs > requestArrivalMs) return true
  if (pauseMs === 0) return false
  const isSlow = cameBytes < (tookMs / 1000) * bodyLeastBytesPerSecond
  if (!mayLast && tookMs > pauseMs && isSlow) return true
  const progressBytes = mayLast ? 1 : bodyProgressBytesLeast
  if (socket.bytesRead - connection.bytesRead >= progressBytes) {
    connection.bytesRead = socket.bytesRead
    connection.sinceMs = nowMs
    return false
  }
  return nowMs - connection.sinceMs > pauseMs
}

function cut(socket: Socket, response: ServerResponse | undefined): void {
  // A connection that was upgraded to another protocol has no response.
  if (!response || response.headersSent) {
    socket.destroy()
    return
  }
  const answer = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
  socket.end(answer, () => socket.destroy())
}
