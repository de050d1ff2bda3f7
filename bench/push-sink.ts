// A server that accepts every push and counts its entries, for benchmarks of agents.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { snappyDecompress } from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import { loopbackHost } from '../e2e/skald-process.ts'

const bodyBytesMax = 64 << 20

/** A running sink. */
export interface PushSink {
  readonly url: string
  readonly entryCount: number
  close(): void
}

/** Starts a sink. */
export async function startPushSink(): Promise<PushSink> {
  let entryCount = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('end', () => {
      const streams = decodePushRequest(snappyDecompress(Buffer.concat(parts), bodyBytesMax))
      for (const stream of streams) entryCount += stream.entryCount
      response.statusCode = 204
      response.end()
    })
  })
  server.listen(0, loopbackHost)
  await once(server, 'listening')
  return {
    url: `http://${loopbackHost}:${(server.address() as AddressInfo).port}/loki/api/v1/push`,
    get entryCount() {
      return entryCount
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
