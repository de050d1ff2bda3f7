// Gives tests and benchmarks ports to listen on.

import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Ports that no system gives to outgoing connections: Linux begins at 32768, macOS and Windows at 49152. Otherwise a
 * connection of another program could take a port between its reservation and its use. `fetch` refuses 10080, and no
 * port above it.
 */
const firstPort = 10_081
const lastPort = 32_767

/** Processes begin at different places, so that two rarely try the same port at the same time. */
const portsPerProcess = 128
const range = lastPort - firstPort + 1
let next = (process.pid * portsPerProcess) % range

/** Returns a port that is free on every address of this machine. A process gets each port once. */
export async function reservePort(): Promise<number> {
  for (let tries = 0; tries < range; tries++) {
    const port = firstPort + next
    next = (next + 1) % range
    if (await isFree(port)) return port
  }
  throw new Error(`No port from ${firstPort} to ${lastPort} is free`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '0.0.0.0')
  try {
    await once(server, 'listening')
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
  await new Promise(resolve => server.close(resolve))
  return true
}

/** Occupies a port of 127.0.0.1 until it is freed. */
export async function takePort(): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { port, free: () => new Promise(resolve => server.close(() => resolve())) }
}
