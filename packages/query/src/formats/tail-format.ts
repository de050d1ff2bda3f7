// Frames of a live tail as Loki writes them: each entry is a stream of its own.

import { formatRfc3339 } from '@skald/go-dialect'
import { formatLabelSet } from '@skald/wire'
import { unionLabels } from '../pipeline/labels.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import { categoriesJson, jsonText, labelsJson } from './result-format.ts'

/** How entries are written: all labels in one set, told apart by category, or as `/api/prom` did. */
export type TailForm = 'union' | 'categorized' | 'legacy'

/** An entry as JSON texts: its labels, and its time and line. */
export interface TailEntryText {
  readonly timestampNs: bigint
  readonly labels: string
  readonly value: string
}

/** Writes one entry. */
export function formatTailEntry(entry: ResultEntry, form: TailForm): TailEntryText {
  const { timestampNs, labels, line } = entry
  const text = jsonText(line)
  switch (form) {
    case 'union':
      return {
        timestampNs,
        labels: labelsJson(unionLabels(labels)),
        value: `["${timestampNs}",${text}]`,
      }
    case 'categorized':
      return {
        timestampNs,
        labels: labelsJson(labels.stream),
        value: `["${timestampNs}",${text},${categoriesJson(labels)}]`,
      }
    case 'legacy':
      return {
        timestampNs,
        labels: jsonText(formatLabelSet(unionLabels(labels))),
        value: `{"ts":"${formatRfc3339(timestampNs)}","line":${text}}`,
      }
  }
}

/** Writes what is told of an entry that was not sent. */
export function formatDroppedEntry(
  { timestampNs, labels }: Pick<TailEntryText, 'timestampNs' | 'labels'>,
  form: TailForm,
): string {
  const time = form === 'legacy' ? formatRfc3339(timestampNs) : String(timestampNs)
  return `{"timestamp":"${time}","labels":${labels}}`
}

/** Writes one message of a tail. `dropped` holds texts of `formatDroppedEntry`. */
export function formatTailFrame(
  entries: readonly TailEntryText[],
  dropped: readonly string[],
  { form, encodingFlags = [] }: { form: TailForm; encodingFlags?: readonly string[] },
): string {
  const streams = entries.map(({ labels, value }) =>
    form === 'legacy'
      ? `{"labels":${labels},"entries":[${value}]}`
      : `{"stream":${labels},"values":[${value}]}`,
  )
  let text = `{"streams":[${streams.join(',')}]`
  if (dropped.length > 0) text += `,"dropped_entries":[${dropped.join(',')}]`
  if (encodingFlags.length > 0) text += `,"encodingFlags":${JSON.stringify(encodingFlags)}`
  return `${text}}`
}
