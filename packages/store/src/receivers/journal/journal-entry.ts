// An entry of systemd's journal as an entry of the store.

import { isUtf8 } from 'node:buffer'
import type { Label } from '@skald/wire'
import { journalValueCharsMax } from '../../limits.ts'
import { entryOfDocument } from '../document/document-entry.ts'
import type { FieldChoice } from '../document/field-choice.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import { hasId } from '../names.ts'
import type { JournalFields } from './journal-export.ts'

/** Levels by priority, in the words that the store knows. */
const levels = [
  ...['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'],
] as const

/** Field → label, for those with few values. The unit and the identifier come through `unitLabel` and `programLabel`. */
const labelOfField: readonly (readonly [label: string, field: string])[] = [
  ['host', '_HOSTNAME'],
  ['container', 'CONTAINER_NAME'],
]

export interface JournalContext {
  readonly choice: FieldChoice
  readonly arrival: () => bigint
  readonly allowsMetadata: boolean
}

/** Makes an entry of a journal's fields. @throws SyntaxError when its time cannot be read. */
export function entryOfJournal(
  journal: JournalFields,
  { choice, arrival, allowsMetadata }: JournalContext,
): ReceivedEntry {
  const message = journal.get('MESSAGE')
  const fields = new Map<string, string>()
  for (const [name, value] of journal) {
    // Those with two underlines are about the journal, not about the entry.
    if (name.startsWith('__') || name === 'MESSAGE' || value.length === 0) continue
    if (value.length <= journalValueCharsMax) fields.set(name, value.toString('utf8'))
  }
  const text = message?.toString('utf8') ?? ''
  const source = text === '' ? JSON.stringify(Object.fromEntries(fields)) : text
  if (text !== '') fields.set('_msg', text)
  // With a time that cannot be read, an entry has the time of its arrival: a refusal would make the sender repeat it forever.
  const time = journal.get('__REALTIME_TIMESTAMP')?.toString('latin1') ?? ''
  if (/^\d{7,19}$/.test(time)) fields.set('_time', microseconds(time))
  const labels = choice.streamFields ? {} : takeLabels(fields)
  const metadata: Label[] = []
  const priority = fields.get('PRIORITY')
  const level = /^[0-7]$/.test(priority ?? '') ? levels[Number(priority)] : undefined
  if (level !== undefined && !choice.streamFields?.includes('PRIORITY')) {
    fields.delete('PRIORITY')
    metadata.push({ name: 'level', value: level })
  }
  const entry = entryOfDocument({
    // An entry without a message is its fields as JSON.
    ...{ fields, labels, metadata, arrival, allowsMetadata, source },
    choice: {
      ...choice,
      // Journals have no other fields for these.
      messageFields: choice.messageFields ?? ['_msg'],
      timeFields: choice.timeFields ?? ['_time'],
      streamFields: choice.streamFields ?? [],
    },
    fallbackLabels: { job: 'systemd-journal' },
  })
  const isBinary = message !== undefined && entry.line === text && !isUtf8(message)
  return isBinary ? { ...entry, line: message } : entry
}

/** Writes microseconds so that they cannot be taken for another unit. */
function microseconds(text: string): string {
  return `${text.slice(0, -6)}.${text.slice(-6)}`
}

function takeLabels(fields: Map<string, string>): Record<string, string> {
  const labels: Record<string, string> = { job: 'systemd-journal' }
  for (const [label, field] of labelOfField) {
    const value = fields.get(field)
    if (value === undefined) continue
    labels[label] = value
    fields.delete(field)
  }
  const unit = fields.get('_SYSTEMD_UNIT')
  const unitName = unit && unitLabel(unit)
  if (unitName) labels.unit = unitName
  if (unitName && unitName === unit) fields.delete('_SYSTEMD_UNIT')
  const program = fields.get('SYSLOG_IDENTIFIER') ?? fields.get('_COMM')
  if (program !== undefined && !hasId(program)) labels.app = program
  return labels
}

/**
 * Returns the part of a unit's name that has few values: `sshd@1-10.0.0.1:22.service` becomes `sshd@.service`. Sessions
 * and other units that are made as they are needed have none.
 */
function unitLabel(unit: string): string | undefined {
  if (!/\.(service|socket|timer|mount|target|path|swap|automount)$/.test(unit)) return undefined
  if (unit.startsWith('run-') || hasId(unit)) return undefined
  return unit.replace(/@.*\./, '@.')
}
