// Reads query scripts: streams, queries and their answers as plain text. See scripts/README.md.

import { parseGoDuration } from '@skald/go-dialect'
import { parseLabelSet } from '@skald/wire'

/** Time of `+0s` in scripts. */
export const scriptStartNs = 1_768_435_200_000_000_000n

/** An entry of a script. */
export interface ScriptEntry {
  readonly timestampNs: bigint
  readonly line: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** A stream of a script. */
export interface ScriptStream {
  readonly labels: Readonly<Record<string, string>>
  readonly entries: readonly ScriptEntry[]
}

/** The question of an `eval` line. */
export interface ScriptQuery {
  readonly kind: 'logs' | 'instant' | 'range' | 'fail'
  readonly logql: string
  readonly startNs: bigint
  readonly endNs: bigint
  readonly stepNs: bigint
  readonly limit: number
  readonly direction: 'forward' | 'backward'
}

/** An `eval` line with what is loaded above it and expected below it. */
export interface ScriptCase {
  /** The `eval` line. */
  readonly title: string
  readonly lineNumber: number
  readonly query: ScriptQuery
  /** The same array for cases that see the same streams. */
  readonly streams: readonly ScriptStream[]
  readonly expected: readonly string[]
  /** Why Loki answers this case in another way, where it does. */
  readonly lokiDiffers: string | undefined
}

interface LoadedStream extends ScriptStream {
  readonly entries: ScriptEntry[]
}

const differsMark = '# Loki differs: '

/** Reads the cases of a script; each has the streams loaded above it. */
export function parseScript(text: string): ScriptCase[] {
  const cases: ScriptCase[] = []
  let streams: LoadedStream[] = []
  let expected: string[] | undefined
  let lokiDiffers: string | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith(differsMark)) lokiDiffers = line.slice(differsMark.length)
    if (line.trim() === '' || line.startsWith('#')) continue
    if (line.startsWith('  ')) {
      if (expected) expected.push(line.trim())
      else streams.at(-1)!.entries.push(parseEntry(line.trim()))
      continue
    }
    const [word = '', rest = ''] = cut(line)
    expected = undefined
    if (word === 'clear') streams = []
    else if (word === 'load') streams = [...streams, { labels: labelsOf(rest), entries: [] }]
    else if (word === 'eval') {
      expected = []
      const query = parseQuery(rest)
      cases.push({ title: line, lineNumber: index + 1, query, streams, expected, lokiDiffers })
      lokiDiffers = undefined
    } else throw new SyntaxError(`line ${index + 1}: neither load, clear nor eval: ${line}`)
  }
  return cases
}

function cut(text: string): [word: string, rest: string] {
  const match = /^(\S+)\s*(.*)$/s.exec(text)
  return [match?.[1] ?? '', match?.[2] ?? '']
}

function timeOf(text: string): bigint {
  return scriptStartNs + parseGoDuration(text)
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(parseLabelSet(text).map(({ name, value }) => [name, value]))
}

// `+1s line` or `+1s {metadata="x"} line`; \n stands for a line break, \e for the escape character.
function parseEntry(text: string): ScriptEntry {
  const [time, rest] = cut(text)
  const metadata = /^\{[^{}]*="[^{}]*\}/.exec(rest)?.[0]
  const line = metadata === undefined ? rest : rest.slice(metadata.length + 1)
  return {
    timestampNs: timeOf(time),
    line: unescapeLine(line),
    ...(metadata !== undefined && { metadata: labelsOf(metadata) }),
  }
}

function unescapeLine(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\e', '\u001b')
}

/** Writes a line as scripts write it. */
export function escapeLine(line: string): string {
  return line.replaceAll('\n', '\\n').replaceAll('\u001b', '\\e')
}

function parseQuery(text: string): ScriptQuery {
  const [kind, rest] = cut(text)
  const base = {
    kind: 'logs',
    startNs: scriptStartNs,
    endNs: scriptStartNs + 3_600_000_000_000n,
    stepNs: 0n,
    limit: 100,
    direction: 'forward',
  } as const
  switch (kind) {
    case 'logs':
      return { ...base, logql: rest }
    case 'oldest': {
      const [limit, logql] = cut(rest)
      return { ...base, logql, limit: Number(limit) }
    }
    case 'newest': {
      const [limit, logql] = cut(rest)
      return { ...base, logql, limit: Number(limit), direction: 'backward' }
    }
    case 'at': {
      const [time, logql] = cut(rest)
      return { ...base, kind: 'instant', logql, startNs: timeOf(time), endNs: timeOf(time) }
    }
    case 'range': {
      const [start, more] = cut(rest)
      const [end, last] = cut(more)
      const [step, logql] = cut(last)
      const times = { startNs: timeOf(start), endNs: timeOf(end), stepNs: parseGoDuration(step) }
      return { ...base, ...times, kind: 'range', logql }
    }
    case 'fail':
      return { ...base, kind: 'fail', logql: rest }
    default:
      throw new SyntaxError(`unknown kind of eval: ${kind}`)
  }
}
