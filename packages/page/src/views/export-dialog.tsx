// Exports all lines of the query, with a bar that shows how far it is and a button that stops it.

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { isAborted } from '../api/store-client.ts'
import { selectorOf } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { Dialog } from '../parts/dialog.tsx'
import { formatBytes, formatCount } from '../parts/figures.ts'
import {
  type ExportFormat,
  type ExportTarget,
  exportFormats,
  exportHead,
  exportRows,
  openTarget,
} from '../state/export.ts'
import { allLines } from '../state/lines.ts'

interface Progress {
  readonly lines: number
  readonly bytes: number
  /** How much of the range is done, from 0 to 1. */
  readonly share: number
  readonly isDone: boolean
}

/** The window. */
export function ExportDialog() {
  const app = useApp()
  const t = app.texts.value.export
  const format = useSignal<ExportFormat>('ndjson')
  const progress = useSignal<Progress | undefined>(undefined)
  const error = useSignal('')
  const abort = useRef(new AbortController())
  useEffect(() => () => abort.current.abort(), [])
  const run = app.run.value
  const isRunning = progress.value !== undefined && !progress.value.isDone
  const start = async () => {
    if (!run) return
    error.value = ''
    abort.current = new AbortController()
    let target: ExportTarget
    try {
      target = await openTarget(window, `skald.${format.value === 'text' ? 'txt' : format.value}`)
    } catch (cause) {
      if (!isAborted(cause)) error.value = app.describe(cause)
      return
    }
    try {
      await writeAll(target)
    } catch (cause) {
      if (!isAborted(cause)) error.value = app.explain(cause)
    }
    // After a stop, the lines until then are in the file.
    await target.close()
    if (progress.value) progress.value = { ...progress.value, isDone: true }
  }
  const writeAll = async (target: ExportTarget) => {
    const { columns, order } = app.address.value
    const query = run!.kind === 'lines' ? run!.query : selectorOf(run!.query)
    const ask = { query, order, startNs: run!.startNs, endNs: run!.endNs }
    const { signal } = abort.current
    let lines = 0
    let bytes = 0
    progress.value = { lines, bytes, share: 0, isDone: false }
    await target.write(exportHead(format.value, columns))
    for await (const rows of allLines(app.client, ask, { pageMost: app.pageMost, signal })) {
      const text = exportRows(rows, format.value, columns)
      await target.write(text)
      lines += rows.length
      bytes += text.length
      const reached =
        Number(BigInt(rows.at(-1)!.ns) - run!.startNs) / Number(run!.endNs - run!.startNs)
      const share = order === 'newest' ? 1 - reached : reached
      progress.value = { lines, bytes, share, isDone: false }
    }
    progress.value = { lines, bytes, share: 1, isDone: false }
  }
  return (
    <Dialog title={t.title} onClose={() => (app.dialog.value = '')}>
      <p>{t.intro}</p>
      <fieldset class="choices" disabled={isRunning}>
        <legend>{t.format}</legend>
        {exportFormats.map(name => (
          <label key={name} class="check">
            <input
              type="radio"
              name="format"
              checked={format.value === name}
              onChange={() => (format.value = name)}
            />
            {t.formats[name]}
          </label>
        ))}
      </fieldset>
      {progress.value && (
        <>
          <progress aria-label={t.title} max={1} value={progress.value.share} />
          <p role="status">
            {t.written(formatCount(progress.value.lines), formatBytes(progress.value.bytes))}
            {progress.value.isDone && ` ${t.done}`}
          </p>
        </>
      )}
      {error.value !== '' && (
        <p class="warning" role="alert">
          {error.value}
        </p>
      )}
      {isRunning ? (
        <button type="button" class="button" onClick={() => abort.current.abort()}>
          {t.stop}
        </button>
      ) : (
        <button type="button" class="button primary" onClick={() => void start()}>
          {t.start}
        </button>
      )}
    </Dialog>
  )
}
