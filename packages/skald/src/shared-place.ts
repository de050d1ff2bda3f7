// Reads from a store's configuration where its replicas keep everything.

import type { SharedPlaceConfig } from '@skald/store/rebuild-shared'
import { UsageError } from './errors.ts'
import { loadStore } from './store-command.ts'
import type { Terminal } from './terminal.ts'
import type { UpkeepArguments } from './upkeep-arguments.ts'

/**
 * Reads the configuration that `--config.file` names.
 * @throws UsageError if none is named, or it cannot be read; ConfigError if it is not valid.
 */
export function readSharedPlace(
  { optionOf }: Pick<UpkeepArguments, 'optionOf'>,
  usage: string,
  terminal: Terminal,
): SharedPlaceConfig {
  const file = optionOf('config.file')
  if (file === undefined)
    throw new UsageError('--config.file=FILE is missing: the configuration of the replicas', {
      usage,
    })
  const expand = optionOf('config.expand-env')
  const flags = {
    'config.file': file,
    ...(expand !== undefined && { 'config.expand-env': expand }),
  }
  const { bucket, catalog, limits } = loadStore(flags, terminal).loaded.config
  return { bucket, catalog, logLevelFields: limits.logLevelFields }
}
