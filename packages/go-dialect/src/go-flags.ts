// Command lines in the dialect of Go's flag package, which Promtail and Loki speak: one dash or two,
// `-flag=value` or `-flag value`, booleans alone.

import { FlagError } from './errors.ts'
import { parseConfigBytes } from './number/byte-size.ts'
import { parseGoDuration } from './time/time.ts'

export type GoFlagKind = 'text' | 'boolean' | 'integer' | 'number' | 'duration' | 'bytes'

/** A flag of a command line. */
export interface GoFlag {
  readonly kind: GoFlagKind
  readonly description: string
  /** Accepted, but without a meaning here. */
  readonly isIgnored?: boolean
}

/** Flags as they were given, by name without dashes; booleans as `true` or `false`. */
export type FlagValues = Readonly<Record<string, string>>

const trueTexts = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falseTexts = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/**
 * Parses arguments as Go's flag package does; what follows the flags is returned as it is.
 *
 * @throws FlagError for an unknown flag or a value that does not fit.
 */
export function parseGoFlags(
  argv: readonly string[],
  table: Readonly<Record<string, GoFlag>>,
): { flags: FlagValues; rest: string[] } {
  const flags: Record<string, string> = {}
  let at = 0
  for (; at < argv.length; at++) {
    const argument = argv[at]!
    if (!argument.startsWith('-') || argument === '-') break
    if (argument === '--') {
      at++
      break
    }
    const [, name = '', inline] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(argument)!
    const flag = Object.hasOwn(table, name) ? table[name]! : undefined
    if (!flag) throw new FlagError(`flag provided but not defined: -${name}`)
    let value = inline
    if (value === undefined && flag.kind === 'boolean') value = 'true'
    value ??= argv[++at]
    if (value === undefined) throw new FlagError(`flag needs an argument: -${name}`)
    checkValue(name, flag.kind, value)
    flags[name] = flag.kind === 'boolean' ? String(trueTexts.has(value)) : value
  }
  return { flags, rest: argv.slice(at) }
}

function checkValue(name: string, kind: GoFlagKind, value: string): void {
  const refuse = (why: string, cause?: unknown) => {
    throw new FlagError(`invalid value ${JSON.stringify(value)} for flag -${name}: ${why}`, {
      cause,
    })
  }
  if (kind === 'boolean' && !trueTexts.has(value) && !falseTexts.has(value)) {
    refuse('it must be true or false')
  }
  if (kind === 'integer' && !/^[-+]?(\d+|0x[\da-f]+)$/i.test(value))
    refuse('it must be a whole number')
  if (kind === 'number' && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value)) {
    refuse('it must be a number')
  }
  try {
    if (kind === 'duration') parseGoDuration(value)
    if (kind === 'bytes') parseConfigBytes(value)
  } catch (cause) {
    refuse((cause as Error).message, cause)
  }
}

/** Lists the flags that have a meaning, one a line, for a usage text. */
export function formatGoFlags(table: Readonly<Record<string, GoFlag>>): string {
  return Object.entries(table)
    .filter(([, { isIgnored }]) => !isIgnored)
    .map(
      ([name, { kind, description }]) =>
        `  -${name}${kind === 'boolean' ? '' : ` ${kind}`}\n        ${description}`,
    )
    .join('\n')
}
