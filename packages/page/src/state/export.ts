// Writes all lines of a query as text, page after page. What is written leaves the memory of the page: it goes into a
// file that the person chose, or else into blobs, which the browser keeps on disk.

import { fieldValue } from '../line/fields.ts'
import type { Row } from '../line/row.ts'
import { formatNs } from '../line/time-text.ts'

export type ExportFormat = 'ndjson' | 'text' | 'csv'
export const exportFormats = ['ndjson', 'text', 'csv'] as const

/** Where an export goes. */
export interface ExportTarget {
  write(text: string): Promise<void>
  /** Called once, also after a stop: what was written until then is kept. */
  close(): Promise<void>
}

/** Returns what is above the first line. */
export function exportHead(format: ExportFormat, columns: readonly string[]): string {
  if (format !== 'csv') return ''
  return `${['time', ...columnsOf(columns), 'line'].map(csvCell).join(',')}\r\n`
}

/** Writes rows. */
export function exportRows(
  rows: readonly Row[],
  format: ExportFormat,
  columns: readonly string[],
): string {
  return rows.map(row => exportRow(row, format, columns)).join('')
}

function exportRow(row: Row, format: ExportFormat, columns: readonly string[]): string {
  switch (format) {
    case 'text':
      return `${row.line}\n`
    case 'ndjson': {
      const { ns, line, stream, metadata, parsed } = row
      const time = `${formatNs(ns, 'utc').replace(' ', 'T')}Z`
      return `${JSON.stringify({ time, ns, line, labels: stream, metadata, parsed })}\n`
    }
    case 'csv': {
      const time = `${formatNs(row.ns, 'utc').replace(' ', 'T')}Z`
      const cells = columnsOf(columns).map(name =>
        name === 'labels' ? JSON.stringify(row.stream) : fieldValue(row, name),
      )
      return `${[time, ...cells, row.line].map(csvCell).join(',')}\r\n`
    }
  }
}

/** The columns on the screen, or else all labels in one. */
function columnsOf(columns: readonly string[]): readonly string[] {
  return columns.length > 0 ? columns : ['labels']
}

/**
 * Quotes a cell. A text that a spreadsheet would run as a formula gets a quote in front, because anybody may write
 * lines.
 */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

type SaveFile = (options: { suggestedName: string }) => Promise<{
  createWritable(): Promise<{ write(text: string): Promise<void>; close(): Promise<void> }>
}>

/**
 * Opens the place for an export: a file, where the browser lets a page choose one, or else a download at the end.
 * @throws AbortError when the person chose no file.
 */
export async function openTarget(window: Window, name: string): Promise<ExportTarget> {
  const { showSaveFilePicker: choose } = window as { showSaveFilePicker?: SaveFile }
  if (choose) {
    const file = await choose({ suggestedName: name })
    return file.createWritable()
  }
  const parts: Blob[] = []
  return {
    async write(text) {
      parts.push(new Blob([text]))
    },
    async close() {
      const url = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }))
      const link = window.document.createElement('a')
      link.href = url
      link.download = name
      link.click()
      setTimeout(() => URL.revokeObjectURL(url), 60_000)
    },
  }
}
