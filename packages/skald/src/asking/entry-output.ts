// Prints log lines: for people, or for programs.

import { formatRfc3339 } from '@skald/go-dialect'
import { type Colours, csvCell } from '@skald/wire'

/** A line of an answer. */
export interface ShownEntry {
  readonly timestampNs: bigint
  readonly line: string
  readonly labels: Readonly<Record<string, string>>
}

export const entryFormats = ['default', 'raw', 'jsonl', 'csv', 'logfmt'] as const
export type EntryFormat = (typeof entryFormats)[number]

/** How lines are printed. */
export interface EntryStyle {
  readonly format: EntryFormat
  readonly colours: Colours
  /** Whether to leave out all labels. */
  readonly hidesLabels: boolean
  /** Labels to print; all if there are none. */
  readonly included: readonly string[]
  readonly excluded: readonly string[]
}

/** Returns what comes before the first line; nothing for most formats. */
export function entryHead({ format }: EntryStyle): string {
  return format === 'csv' ? 'timestamp,labels,line\n' : ''
}

/**
 * Prints a line.
 * @param common Labels that people need not see again with each line.
 */
export function printEntry(
  { timestampNs, line, labels }: ShownEntry,
  style: EntryStyle,
  common: ReadonlySet<string> = new Set(),
): string {
  const { format, colours } = style
  const shown = shownLabels(labels, style)
  switch (format) {
    case 'raw':
      return `${line}\n`
    case 'jsonl':
      return `${JSON.stringify({ timestamp: formatRfc3339(timestampNs), labels: shown, line })}\n`
    case 'csv':
      return `${[formatRfc3339(timestampNs), printLabels(shown), line].map(csvCell).join(',')}\n`
    case 'logfmt': {
      const pairs = Object.entries({ ts: formatRfc3339(timestampNs), ...shown, line })
      return `${pairs.map(([name, value]) => `${name}=${logfmtValue(value)}`).join(' ')}\n`
    }
    case 'default': {
      const rest = Object.fromEntries(Object.entries(shown).filter(([name]) => !common.has(name)))
      const time = colours.dim(formatRfc3339(timestampNs))
      const where = style.hidesLabels ? '' : `${colours.cyan(printLabels(rest))} `
      return `${time} ${where}${levelColour(labels, colours)(line)}\n`
    }
  }
}

function shownLabels(
  labels: Readonly<Record<string, string>>,
  { hidesLabels, included, excluded }: EntryStyle,
): Record<string, string> {
  if (hidesLabels) return {}
  const isShown = (name: string) =>
    (included.length === 0 || included.includes(name)) && !excluded.includes(name)
  return Object.fromEntries(Object.entries(labels).filter(([name]) => isShown(name)))
}

/** Writes labels as a selector. */
export function printLabels(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `{${texts.join(', ')}}`
}

/** Returns the labels that have the same value in every set. With fewer than two sets, there are none. */
export function commonLabels(
  sets: readonly Readonly<Record<string, string>>[],
): ReadonlySet<string> {
  const [first = {}] = sets
  if (sets.length < 2) return new Set()
  return new Set(
    Object.keys(first).filter(name => sets.every(labels => labels[name] === first[name])),
  )
}

function levelColour(
  { detected_level, level }: Readonly<Record<string, string>>,
  colours: Colours,
): (text: string) => string {
  switch ((detected_level ?? level ?? '').toLowerCase()) {
    case 'error':
    case 'fatal':
    case 'critical':
      return colours.red
    case 'warn':
    case 'warning':
      return colours.yellow
    case 'debug':
    case 'trace':
      return colours.dim
    default:
      return text => text
  }
}

function logfmtValue(value: string): string {
  return value === '' || /[\s"=\\\p{Cc}]/u.test(value) ? JSON.stringify(value) : value
}
