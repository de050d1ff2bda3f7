// A document as an entry: some fields become labels, one the line, one the time, the others structured metadata.

import {
  createLabelSet,
  isLabelName,
  type Label,
  type LabelSet,
  normaliseLabelName,
} from '@skald/wire'
import { defaultLabelCharsMax } from '../../limits.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import {
  certainTimeFields,
  type DefaultLabel,
  defaultLabels,
  defaultMessageFields,
  defaultTimeFields,
} from './default-fields.ts'
import type { DocumentFields } from './document-fields.ts'
import { parseDocumentTime } from './document-time.ts'
import type { FieldChoice } from './field-choice.ts'

/** The level in Elastic's Common Schema. The store looks for levels in `level`. */
const ecsLevelField = 'log.level'

/** A document, and what its protocol knows about it. */
export interface DocumentInput {
  readonly fields: DocumentFields
  /** The document as sent: the line if no field is. */
  readonly source: string
  readonly choice: FieldChoice
  /** Labels that the protocol brings. Fields of the same name win. */
  readonly labels: Readonly<Record<string, string>>
  /** Labels if there would be none at all. */
  readonly fallbackLabels: Readonly<Record<string, string>>
  /** Additional structured metadata, such as an id. */
  readonly metadata: readonly Label[]
  /** Time of a document without one. */
  readonly arrival: () => bigint
  /** Whether the tenant may have structured metadata. If not, the whole document is the line. */
  readonly allowsMetadata: boolean
}

/**
 * Makes an entry of a document.
 * @throws SyntaxError when its time cannot be read.
 */
export function entryOfDocument(input: DocumentInput): ReceivedEntry {
  const { choice, source, metadata, arrival } = input
  const fields = prepared(input)
  const timestampNs = takeTime(fields, choice) ?? arrival()
  const line = takeLine(fields, choice)
  const labels = takeLabels(fields, input)
  if (line === undefined || !input.allowsMetadata) {
    return {
      labels,
      timestampNs,
      line: source,
      metadata: input.allowsMetadata ? [...extrasIn(fields, choice), ...metadata] : [],
    }
  }
  const pairs: Label[] = []
  for (const [name, value] of fields) {
    pairs.push({ name: name === ecsLevelField ? 'level' : name, value })
  }
  pairs.push(...metadata)
  return { labels, timestampNs, line, metadata: pairs }
}

/** Returns the fields after what the request wants to be done to all of them. */
function prepared({ fields, choice }: DocumentInput): DocumentFields {
  for (const ignored of choice.ignoredFields) {
    if (!ignored.endsWith('*')) fields.delete(ignored)
    else {
      const prefix = ignored.slice(0, -1)
      for (const name of fields.keys()) if (name.startsWith(prefix)) fields.delete(name)
    }
  }
  for (const name of choice.decolorizedFields) {
    const value = fields.get(name)
    if (value !== undefined) fields.set(name, withoutColours(value))
  }
  for (const [name, value] of choice.extraFields) fields.set(name, value)
  return fields
}

/** Removes the escape sequences that set colours. */
function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
  return text.replaceAll(/\u001b\[[\d;]*m/g, '')
}

function takeTime(fields: DocumentFields, { timeFields }: FieldChoice): bigint | undefined {
  for (const name of timeFields ?? defaultTimeFields) {
    const text = fields.get(name)
    if (text === undefined || text === '0') continue
    const timeNs = parseDocumentTime(text)
    if (timeNs !== undefined) {
      fields.delete(name)
      return timeNs
    }
    if (timeFields || certainTimeFields.has(name)) {
      throw new SyntaxError(
        `field ${name} is not a time: ${JSON.stringify(text.slice(0, 60))}; write it as RFC 3339 or as a number since 1970`,
      )
    }
  }
  return undefined
}

function takeLine(fields: DocumentFields, { messageFields }: FieldChoice): string | undefined {
  for (const name of messageFields ?? defaultMessageFields) {
    const text = fields.get(name)
    if (text === undefined) continue
    fields.delete(name)
    // Container runtimes leave the line feed in.
    return text.replace(/\r?\n$/, '')
  }
  return undefined
}

function takeLabels(fields: DocumentFields, input: DocumentInput): LabelSet {
  const pairs = new Map(Object.entries(input.labels))
  const { streamFields } = input.choice
  if (streamFields) {
    for (const field of streamFields) {
      const value = fields.get(field)
      const name = normaliseLabelName(field)
      if (value === undefined || !isLabelName(name)) continue
      pairs.set(name, value)
      fields.delete(field)
    }
  } else for (const label of defaultLabels) takeDefault(fields, label, pairs)
  // Half a pair of surrogates would be no label, and the whole request would be refused for it.
  for (const [name, value] of pairs) pairs.set(name, value.toWellFormed())
  const labels = createLabelSet(pairs)
  return labels.length > 0 ? labels : createLabelSet(input.fallbackLabels)
}

function takeDefault(
  fields: DocumentFields,
  { name, fields: candidates, values }: DefaultLabel,
  pairs: Map<string, string>,
): void {
  for (const field of candidates) {
    const value = fields.get(field)
    if (value === undefined || (values && !values.includes(value))) continue
    // Lists, objects and long texts are not names.
    if (/^[[{]/.test(value) || value.length > defaultLabelCharsMax) continue
    pairs.set(name, value)
    fields.delete(field)
    return
  }
}

/** Returns the extra fields that became no label: the line does not have them. */
function extrasIn(fields: DocumentFields, { extraFields }: FieldChoice): Label[] {
  return extraFields
    .filter(([name, value]) => fields.get(name) === value)
    .map(([name, value]) => ({ name, value }))
}
