// The rooms of the store, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'the store',
  testUrl: import.meta.url,
  floors: [
    ['index.ts'],
    ['store.ts', 'upkeep'],
    ['enter-directory.ts', 'open-auth.ts', 'open-rules.ts', 'open-sources.ts', 'store-state.ts'],
    ['storage.ts', 'tenant-overrides.ts'],
    ['receivers', 'scaled'],
    ['compaction', 'config-in-force.ts', 'http', 'overrides-file.ts'],
    ['config.ts'],
    ['config-limits.ts', 'resolve-catalog.ts', 'resolve-receivers.ts'],
    ['resolve-ruler.ts'],
    ['resolve-bucket.ts'],
    ['blocked-queries.ts', 'setting-table.ts'],
    ['config-schema.ts', 'rules', 'scan', 'tail', 'tenants'],
    [
      ...['bucket', 'bucket-schema.ts', 'catalog-check.ts', 'ingest', 'otlp-schema.ts'],
      ...['receivers-schema.ts', 'recovery.ts', 'ruler-schema.ts', 'segment-index.ts'],
      'server-schema.ts',
    ],
    ['deletes', 'memory', 'objects', 'receivers-config.ts'],
    ['catalog'],
    ['segment'],
    ['auth', 'levels', 'skald-schema.ts', 'settings', 'tenant-limits.ts', 'tls'],
    ['buffers.ts', 'schema-forms.ts', 'tenant-name.ts', 'unfinished-restore.ts'],
    [
      'bucket-config.ts',
      'catalog-config.ts',
      'day.ts',
      'errors.ts',
      'limits.ts',
      'metrics.ts',
      'parts.ts',
      'ruler-config.ts',
      'silent-sdk.ts',
      'system-clock.ts',
      'threads',
      'work-slots.ts',
    ],
  ],
})
