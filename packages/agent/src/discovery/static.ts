// static_configs: targets that the configuration itself lists, each with its labels.

import { readLabels, readList, readText } from '../config/readers.ts'
import type { ValueReader, YamlCursor } from '../config/yaml-cursor.ts'
import { compileGlob } from './glob.ts'
import { type RelabelRule, relabel } from './relabel.ts'

/** A list of targets with common labels. */
export interface StaticConfig {
  readonly targets: readonly string[]
  readonly labels: ReadonlyMap<string, string>
}

/** Files to read and the labels of their lines. */
export interface FileTarget {
  /** Pattern of the paths. */
  readonly path: string
  readonly pathExclude: string | undefined
  readonly labels: ReadonlyMap<string, string>
}

/** Why a target is not read. */
export type TargetFailure = 'dropped' | 'wrong_host' | 'no_path' | 'exists'

const readStaticConfig: ValueReader<StaticConfig> = cursor => {
  const raw = cursor.record({ targets: readTargets, labels: readLabels })
  for (const key of ['__path__', '__path_exclude__']) {
    const value = cursor.get('labels')?.get(key)
    const pattern = raw.labels?.get(key)
    if (!value || !pattern) continue
    try {
      compileGlob(pattern)
    } catch (error) {
      value.failAtKey(`${key} ${pattern} is not a valid glob: ${(error as Error).message}`)
    }
  }
  return { targets: raw.targets ?? ['localhost'], labels: raw.labels ?? new Map() }
}

const readTargets: ValueReader<string[]> = cursor => {
  if (cursor.isList) return readList(readText)(cursor)
  return cursor.failAtKey(`targets must be a list such as [localhost], found ${cursor.describe()}`)
}

/** Reads `static_configs`. */
export function readStaticConfigs(cursor: YamlCursor): StaticConfig[] {
  return readList(readStaticConfig)(cursor) ?? []
}

/** Turns static configurations into the targets that are to be read on this host. */
export function staticTargets(
  configs: readonly StaticConfig[],
  options: {
    readonly rules: readonly RelabelRule[]
    readonly hostname: string
    readonly onFailure: (reason: TargetFailure) => void
  },
): FileTarget[] {
  const found = new Map<string, FileTarget>()
  for (const config of configs) {
    const addresses = config.targets.length > 0 ? config.targets : ['localhost']
    for (const address of addresses) {
      const offered = new Map([['__address__', address], ...config.labels])
      const target = toTarget(offered, options)
      if (typeof target === 'string') options.onFailure(target)
      else {
        const key = JSON.stringify([target.path, target.pathExclude, ...[...target.labels].sort()])
        if (found.has(key)) options.onFailure('exists')
        else found.set(key, target)
      }
    }
  }
  return [...found.values()]
}

function toTarget(
  offered: ReadonlyMap<string, string>,
  options: { readonly rules: readonly RelabelRule[]; readonly hostname: string },
): FileTarget | TargetFailure {
  const labels = relabel(offered, options.rules)
  if (!labels) return 'dropped'
  const host = labels.get('__host__')
  if (host !== undefined && host !== options.hostname) return 'wrong_host'
  const path = labels.get('__path__')
  if (path === undefined) return 'no_path'
  const pathExclude = labels.get('__path_exclude__')
  const visible = new Map([...labels].filter(([name]) => !name.startsWith('__')))
  return { path, pathExclude, labels: visible }
}
