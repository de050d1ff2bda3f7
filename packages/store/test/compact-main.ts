// Compacts the storage in a directory until it is killed. Reports when it begins.

import { join } from 'node:path'
import { openSqliteCatalog } from '../src/catalog/sqlite.ts'
import { Compactor } from '../src/compaction/compactor.ts'
import { openDiskObjectStore } from '../src/objects/disk.ts'
import { recover } from '../src/recovery.ts'
import { SegmentIndex } from '../src/segment-index.ts'
import { createTestLogger } from './harness.ts'

const dir = process.argv[2]!
const segmentsDir = join(dir, 'segments')
const objects = await openDiskObjectStore(segmentsDir)
const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
const { logger } = createTestLogger()
let sequence = await recover({ catalog, objects, logger })
const compactor = new Compactor({
  catalog,
  segments: new SegmentIndex(objects, catalog, logger),
  logger,
  clock: { now: () => Date.now() },
  nextSequence: () => ++sequence,
  worker: { directory: segmentsDir, logLevelFields: ['level'] },
})
const flushing = compactor.flush()
process.stdout.write('compacting\n')
await flushing
// Waits to be killed.
setInterval(() => undefined, 1000)
