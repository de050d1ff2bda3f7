// Checks in advance whether a job could start on this machine now, for `skald check`.

import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { explainSystemError } from '@skald/wire'
import { probeLimitMs } from '../limits.ts'
import type { ListenAddress } from './listen-address.ts'

/** Resolves when a socket listens. If it cannot, closes it and throws the error. */
export async function listening(socket: dgram.Socket): Promise<void> {
  try {
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Tries to listen like the job would. Returns why that failed. */
export async function probeListen(
  { host, port }: ListenAddress,
  protocol: 'tcp' | 'udp',
): Promise<string | undefined> {
  if (port === 0) return undefined
  try {
    if (protocol === 'udp') {
      const isIpv6 = host !== undefined && net.isIPv6(host)
      const socket = dgram.createSocket(isIpv6 ? 'udp6' : 'udp4')
      socket.bind({ port, ...(host === undefined ? {} : { address: host }) })
      await listening(socket)
      await new Promise<void>(resolve => socket.close(resolve))
    } else {
      const server = net.createServer()
      server.listen({ port, ...(host === undefined ? {} : { host }) })
      await once(server, 'listening')
      await new Promise<void>(resolve => server.close(() => resolve()))
    }
    return undefined
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const why = explainSystemError(error) ?? (error as Error).message
    return isTaken ? `${why}; a running agent may be using it` : why
  }
}

/** Tries to connect to one of several servers, each `host:port`. Returns why none was reachable. */
export async function probeConnect(servers: readonly string[]): Promise<string | undefined> {
  const answers = await Promise.all(servers.map(connect))
  if (answers.includes(undefined)) return undefined
  return answers.join('; ')
}

async function connect(server: string): Promise<string | undefined> {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? []
  const socket = net.connect({ host, port: Number(port) })
  const limit = new AbortController()
  try {
    return await Promise.race([
      once(socket, 'connect').then(() => undefined),
      sleep(probeLimitMs, `${server} does not answer`, { signal: limit.signal }),
    ])
  } catch (error) {
    return `${server} cannot be reached: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`
  } finally {
    limit.abort()
    socket.on('error', () => undefined)
    socket.destroy()
  }
}
