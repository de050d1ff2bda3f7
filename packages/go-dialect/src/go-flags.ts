// Parses command lines like Go's flag package, for users of Promtail and Loki: one dash or two,
// `-flag=value` or `-flag value`, booleans without a value.

import { FlagError } from './errors.ts'
import { parseConfigBytes } from './number/byte-size.ts'
import { parseGoDuration } from './time/time.ts'

export type GoFlagKind = 'text' | 'boolean' | 'integer' | 'number' | 'duration' | 'bytes'

/** One flag of a command line. */
export interface GoFlag {
  readonly kind: GoFlagKind
  readonly description: string
  /** Accepted, but has no effect here. */
  readonly isIgnored?: boolean
}

/** Flags as given, by name without dashes. Booleans are `true` or `false`. */
export type FlagValues = Readonly<Record<string, string>>

const trueTexts = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falseTexts = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/**
 * Parses arguments like Go's flag package. Arguments after the flags are returned unchanged.
 * @throws FlagError for an unknown flag or an invalid value.
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

/** Lists the flags that have an effect, for a usage text. */
export function formatGoFlags(table: Readonly<Record<string, GoFlag>>): string {
  return Object.entries(table)
    .filter(([, { isIgnored }]) => !isIgnored)
    .map(
      ([name, { kind, description }]) =>
        `  -${name}${kind === 'boolean' ? '' : ` ${kind}`}\n        ${description}`,
    )
    .join('\n')
}
