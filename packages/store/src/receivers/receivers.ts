// The ways in for lines, besides Loki's push and OTLP. Each protocol has a folder; all end in the same push.

import type { BufferPool } from '@skald/wire'
import type { FastifyInstance } from 'fastify'
import type { BodyUnpacker } from '../http/push-body.ts'
import type { ReceiversConfig } from '../receivers-config.ts'
import { addDatadogRoutes } from './datadog/datadog-routes.ts'
import { addGreetingRoutes } from './elasticsearch/greeting-routes.ts'
import { addIndexingRoutes } from './elasticsearch/index-routes.ts'
import { addUploadRoute } from './journal/upload-route.ts'
import { addJsonLinesRoute } from './json-lines/json-lines-route.ts'
import type { ListenerParts, ReceiverListeners } from './listeners.ts'
import type { ReceiverParts } from './receiver-route.ts'
import { addHecRoutes } from './splunk/hec-routes.ts'
import { addStreamBodyParser } from './stream-body.ts'

export type ReceiverRouteParts = Omit<ReceiverParts, 'pool' | 'unpacker'> & {
  readonly clock: { now(): number }
}

/** Adds the routes of all protocols to the scope of pushes. */
export function addReceiverRoutes(
  app: FastifyInstance,
  {
    clock,
    ...parts
  }: ReceiverRouteParts & { readonly pool: BufferPool; readonly unpacker: BodyUnpacker },
): void {
  const receiving: ReceiverParts = parts
  addIndexingRoutes(app, receiving)
  addGreetingRoutes(app, receiving)
  addHecRoutes(app, receiving, clock)
  addDatadogRoutes(app, receiving)
  app.register((streams, _options, done) => {
    addStreamBodyParser(streams)
    addJsonLinesRoute(streams, receiving)
    addUploadRoute(streams, receiving)
    done()
  })
}

type ListeningParts = Omit<ListenerParts, 'authEnabled' | 'mappingOf'> &
  Pick<ReceiverParts, 'limitsOf'>

/** Starts the receivers with separate ports. Their code is loaded only if there are any. */
export async function startReceivers(
  { receivers, authEnabled }: { receivers: ReceiversConfig; authEnabled: boolean },
  { limitsOf, ...parts }: ListeningParts,
): Promise<ReceiverListeners> {
  if (receivers.syslog.length === 0 && !receivers.otlpGrpc)
    return { places: [], close: async () => undefined }
  const { startReceiverListeners } = await import('./listeners.ts')
  return await startReceiverListeners(receivers, {
    ...{ ...parts, authEnabled, mappingOf: tenant => limitsOf(tenant).otlp },
  })
}
