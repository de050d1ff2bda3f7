// Writes entries as text for programs outside: JSON lines, plain lines, CSV, or bodies of Loki's push API.

import { formatRfc3339 } from '@skald/go-dialect'
import { csvCell, formatLabelSet, type LabelSet } from '@skald/wire'
import { pushBodyChars } from '../limits.ts'
import { unionLabels } from '../pipeline/labels.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import { jsonText, labelsJson } from './result-format.ts'

export const exportFormats = ['jsonl', 'raw', 'csv', 'push'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** Writes the entries of an export. */
export interface ExportWriter {
  readonly contentType: string
  /** What comes before the first entry. */
  readonly head: string
  /** Returns the text of some entries, whole lines. */
  readonly write: (entries: readonly ResultEntry[]) => string
}

/**
 * Returns the writer of a format.
 *
 * - `jsonl`: `{"timestamp":"2026-01-02T03:04:05.000000006Z","labels":{},"line":""}` a line, with `metadata` and `parsed`
 *   where an entry has them.
 * - `raw`: the lines alone. A line with line breaks stays as it is.
 * - `csv`: RFC 4180, with the columns `timestamp`, `labels` and `line`, or a column for each of `columns` instead of
 *   `labels`.
 * - `push`: a body of `POST /loki/api/v1/push` in each line, as JSON. Parsed labels are left out, because a store finds them
 *   again.
 *
 * @param columns Names of labels that get a column each; only for `csv`.
 */
export function exportWriter(format: ExportFormat, columns: readonly string[]): ExportWriter {
  switch (format) {
    case 'jsonl':
      return {
        contentType: 'application/x-ndjson; charset=UTF-8',
        head: '',
        write: entries => entries.map(jsonLine).join(''),
      }
    case 'raw':
      return {
        contentType: 'text/plain; charset=UTF-8',
        head: '',
        write: entries => entries.map(({ line }) => `${line}\n`).join(''),
      }
    case 'csv': {
      const names = columns.length > 0 ? columns : ['labels']
      return {
        contentType: 'text/csv; charset=UTF-8; header=present',
        head: csvRow(['timestamp', ...names, 'line']),
        write: entries => entries.map(entry => csvLine(entry, columns)).join(''),
      }
    }
    case 'push':
      return {
        contentType: 'application/x-ndjson; charset=UTF-8',
        head: '',
        write: pushBodies,
      }
  }
}

function jsonLine({ timestampNs, labels, line }: ResultEntry): string {
  const { stream, metadata, parsed } = labels
  const more = [
    metadata.length > 0 ? `,"metadata":${labelsJson(metadata)}` : '',
    parsed.length > 0 ? `,"parsed":${labelsJson(parsed)}` : '',
  ].join('')
  return `{"timestamp":"${formatRfc3339(timestampNs)}","labels":${labelsJson(stream)}${more},"line":${jsonText(line)}}\n`
}

function csvLine({ timestampNs, labels, line }: ResultEntry, columns: readonly string[]): string {
  const all = unionLabels(labels)
  const cells = columns.length > 0 ? columns.map(name => cellOf(all, name)) : [formatLabelSet(all)]
  return csvRow([formatRfc3339(timestampNs), ...cells, line])
}

function cellOf(labels: LabelSet, name: string): string {
  return labels.find(label => label.name === name)?.value ?? ''
}

/** Writes a row as RFC 4180 has it. */
function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

/** Groups entries into bodies. Entries of a stream keep their order. */
function pushBodies(entries: readonly ResultEntry[]): string {
  let text = ''
  let streams = new Map<string, string[]>()
  let chars = 0
  const end = () => {
    const bodies = [...streams].map(
      ([stream, values]) => `{"stream":${stream},"values":[${values.join(',')}]}`,
    )
    if (bodies.length > 0) text += `{"streams":[${bodies.join(',')}]}\n`
    streams = new Map()
    chars = 0
  }
  for (const { timestampNs, labels, line } of entries) {
    const stream = labelsJson(labels.stream)
    const metadata = labels.metadata.length > 0 ? `,${labelsJson(labels.metadata)}` : ''
    const value = `["${timestampNs}",${jsonText(line)}${metadata}]`
    if (chars > 0 && chars + value.length > pushBodyChars) end()
    const values = streams.get(stream)
    if (values) values.push(value)
    else streams.set(stream, [value])
    chars += value.length
  }
  end()
  return text
}
