// Goes through a configuration as it is written, and finds what has no meaning here and what is refused.

import { refusedKeys } from './refused.ts'
import type { RefusedKey, WrittenFile } from './setting.ts'
import { keysWithoutMeaning } from './without-meaning.ts'

/** A key of a file that is not followed. */
export interface SettingFinding {
  readonly kind: 'idle' | 'doubt' | 'error'
  /** Path of the key in the file. */
  readonly keys: readonly string[]
  /** What is wrong; for one without meaning nothing. */
  readonly message: string
}

const meaningless = new Set(keysWithoutMeaning.flatMap(({ keys }) => keys))
const refused: ReadonlyMap<string, RefusedKey> = new Map(refusedKeys.map(key => [key.key, key]))

/** Paths below which there is a key of the table. */
const blocks = new Set(
  [...meaningless, ...refused.keys()].flatMap(path => {
    const parts = path.replaceAll('[]', '.[]').split('.')
    return parts.slice(1).map((_, i) => joinPattern(parts.slice(0, i + 1)))
  }),
)

/**
 * Finds the keys of a file that are not followed, in its order.
 *
 * @param at Where in the table the file's top stands: in a file of overrides, tenants are `limits_config`.
 */
export function judgeSettings(file: unknown, at = ''): SettingFinding[] {
  const findings: SettingFinding[] = []
  const visit = (value: unknown, place: Place): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (inner === null) continue
      const keys = [...place.keys, key]
      const pattern = joinPattern([place.pattern, Array.isArray(value) ? '[]' : key])
      const isMeaningless = meaningless.has(pattern)
      const verdict = refused.get(pattern)?.judge(inner, file as WrittenFile, keys)
      if (verdict && !(place.isNamed && verdict.kind === 'idle')) {
        findings.push({ message: '', ...verdict, keys })
      }
      if (isMeaningless && !place.isNamed) findings.push({ kind: 'idle', keys, message: '' })
      if (!blocks.has(pattern)) continue
      visit(inner, { keys, pattern, isNamed: place.isNamed || isMeaningless })
    }
  }
  visit(file, { keys: [], pattern: at, isNamed: false })
  return findings
}

interface Place {
  readonly keys: readonly string[]
  readonly pattern: string
  /** Whether a block around it has been named. */
  readonly isNamed: boolean
}

function joinPattern(parts: readonly string[]): string {
  return parts
    .filter(part => part !== '')
    .join('.')
    .replaceAll('.[]', '[]')
}

/** Names of the keys of a block that are not followed, for its schema. */
export function unfollowedKeysOf(block: string): string[] {
  const prefix = block === '' ? '' : `${block}.`
  const names = [...meaningless, ...refused.keys()]
    .filter(path => path.startsWith(prefix))
    .map(path => path.slice(prefix.length).split(/[.[]/)[0]!)
  return [...new Set(names)].sort()
}

/** Class of a path by the table of what is not followed; of a block it is that of all it holds. */
export function unfollowedClassOf(path: string): 'without meaning' | 'refused' | undefined {
  const parts = path.replaceAll('[]', '.[]').split('.')
  for (let length = parts.length; length > 0; length--) {
    const pattern = joinPattern(parts.slice(0, length))
    if (refused.has(pattern)) return 'refused'
    if (meaningless.has(pattern)) return 'without meaning'
  }
  return undefined
}
