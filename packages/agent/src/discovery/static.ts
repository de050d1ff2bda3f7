// static_configs: targets listed in the configuration itself, with their labels. Files of file_sd_configs
// have entries of the same form.

import {
  readLabels,
  readList,
  readText,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { compileGlob } from '../files/glob.ts'
import type { TargetGroup } from './target-group.ts'

/** A list of targets with common labels. */
export interface StaticConfig {
  readonly targets: readonly string[]
  readonly labels: ReadonlyMap<string, string>
}

const readStaticConfig: ValueReader<StaticConfig> = cursor => {
  const raw = cursor.record({ targets: readTargets, labels: readLabels })
  for (const key of ['__path__', '__path_exclude__']) {
    const value = cursor.get('labels')?.get(key)
    const pattern = raw.labels?.get(key)
    if (!value || !pattern) continue
    try {
      compileGlob(pattern)
    } catch (error) {
      return value.failContained(
        `${value.name} ${pattern} is not a valid glob: ${(error as Error).message}`,
      )
    }
  }
  return { targets: raw.targets ?? [], labels: raw.labels ?? new Map() }
}

const readTargets: ValueReader<string[]> = cursor => {
  if (cursor.isList) return readList(readText)(cursor)
  return cursor.failAtKey(
    `${cursor.name} must be a list such as [localhost], found ${cursor.describe()}`,
  )
}

/** Reads `static_configs`. */
export function readStaticConfigs(cursor: YamlCursor): StaticConfig[] {
  return readList(readStaticConfig)(cursor) ?? []
}

/**
 * Makes groups of static configurations. An entry without targets gets `localhost`. `source` names the
 * place of the entries.
 */
export function staticGroups(configs: readonly StaticConfig[], source: string): TargetGroup[] {
  return configs.map(({ targets, labels }, i) => {
    const addresses = targets.length > 0 ? targets : ['localhost']
    return {
      source: `${source}:${i}`,
      labels,
      targets: addresses.map(address => new Map([['__address__', address]])),
    }
  })
}
