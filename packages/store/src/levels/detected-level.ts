// Detects the level of an entry like Loki 3.7, which adds it as structured metadata
// `detected_level`. A level sent under that name wins, then a stream label, then structured
// metadata, then the line (line-level.ts). Known levels get one spelling.

import type { MetadataColumn } from '@skald/query'
import { createMetadata, type LabelSet } from '@skald/wire'
import {
  type LevelFields,
  type LineBytes,
  LineLevelFinder,
  levels,
  normaliseLevel,
} from './line-level.ts'

export const detectedLevelLabel = 'detected_level'

/** Names of fields, labels and metadata that hold a level, best first (Loki's default list). */
export const defaultLogLevelFields: readonly string[] = [
  'level',
  'LEVEL',
  'Level',
  'log.level',
  'severity',
  'SEVERITY',
  'Severity',
  'SeverityText',
  'lvl',
  'LVL',
  'Lvl',
  'severity_text',
  'Severity_Text',
  'SEVERITY_TEXT',
]

/**
 * Adds `detected_level` to the metadata set of every row. Calls `readLines` only if it must inspect
 * a line.
 */
export function addDetectedLevels(
  labels: LabelSet,
  metadata: MetadataColumn,
  readLines: () => LineBytes,
  fields: LevelFields,
): MetadataColumn {
  const { sets, rowSets } = metadata
  const ofStream = levelOfLabels(labels, fields.texts)
  const given = sets.map(
    set =>
      levelOfLabels(set, [detectedLevelLabel]) ?? ofStream ?? levelOfMetadata(set, fields.texts),
  )
  if (given.every(level => level !== undefined)) {
    return { sets: sets.map((set, i) => withLevel(set, given[i]!)), rowSets }
  }
  const finder = new LineLevelFinder(readLines(), fields)
  const rowLevels = finder.levelsOf(
    rowSets,
    Uint8Array.from(given, level => +(level === undefined)),
  )
  const keys = keysOf(rowSets, rowLevels)
  const used = usedKeys(keys, sets.length * levels.length)
  const indexes = new Uint32Array(used.length)
  const leveled: LabelSet[] = []
  for (let key = 0; key < used.length; key++) {
    if (used[key] === 0) continue
    const set = Math.floor(key / levels.length)
    indexes[key] = leveled.length
    leveled.push(withLevel(sets[set]!, given[set] ?? levels[key % levels.length]!))
  }
  return { sets: leveled, rowSets: mapKeys(keys, indexes) }
}

/** Returns, per row, a number that combines its set and its level. */
function keysOf(rowSets: Uint32Array, rowLevels: Uint8Array): Uint32Array {
  const keys = new Uint32Array(rowSets.length)
  for (let row = 0; row < rowSets.length; row++) {
    keys[row] = rowSets[row]! * levels.length + rowLevels[row]!
  }
  return keys
}

/** Replaces each key by its index, in place. */
function mapKeys(keys: Uint32Array, indexes: Uint32Array): Uint32Array {
  for (let row = 0; row < keys.length; row++) keys[row] = indexes[keys[row]!]!
  return keys
}

/** Returns an array that is 1 for each key that a row has. */
function usedKeys(keys: Uint32Array, keyCount: number): Uint8Array {
  const used = new Uint8Array(keyCount)
  for (let row = 0; row < keys.length; row++) used[keys[row]!] = 1
  return used
}

function withLevel(set: LabelSet, level: string): LabelSet {
  const pairs = set.map(({ name, value }): [string, string] => [name, value])
  return createMetadata([...pairs, [detectedLevelLabel, level]])
}

function levelOfLabels(labels: LabelSet, fields: readonly string[]): string | undefined {
  for (const field of fields) {
    for (const { name, value } of labels) if (name === field) return normaliseLevel(value)
  }
  return undefined
}

function levelOfMetadata(set: LabelSet, fields: readonly string[]): string | undefined {
  const named = levelOfLabels(set, fields)
  if (named !== undefined) return named
  const severity = set.find(({ name }) => name === 'severity_number')?.value
  if (severity === undefined || severity === '') return undefined
  if (!/^[+-]?\d+$/.test(severity)) return 'info'
  const number = Number(severity)
  if (number === 0) return 'unknown'
  // OpenTelemetry assigns four numbers to each level. It has no critical.
  const names = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
  return number < 1 ? 'trace' : (names[Math.floor((number - 1) / 4)] ?? 'unknown')
}
