// The bar with the range, the query and what runs it.

import { useEffect, useRef } from 'preact/hooks'
import { useApp } from '../parts/app-context.ts'
import { IconButton } from '../parts/icon-button.tsx'
import { keyOf } from '../state/key-names.ts'
import { Builder } from './builder.tsx'
import { RangePicker } from './range-picker.tsx'

/** The bar. */
export function QueryBar() {
  const app = useApp()
  const { texts, address, dialog } = app
  const t = texts.value
  const { isLive, view } = address.value
  return (
    <section class="query-bar" aria-label={t.query}>
      <form
        class="query-form"
        onSubmit={event => {
          event.preventDefault()
          app.submit()
        }}
      >
        <RangePicker />
        <QueryField />
        <div class="query-actions">
          <button type="submit" class="button primary" title={`${t.run} (${keyOf.run})`}>
            {t.run}
          </button>
          {view === 'explore' && (
            <button
              type="button"
              class="button live-button"
              aria-pressed={isLive}
              title={`${t.live} (${keyOf.live})`}
              onClick={() => app.setLive(!isLive)}
            >
              <span class="live-dot" /> {t.live}
            </button>
          )}
          <IconButton
            icon="build"
            label={t.builder.title}
            keyName={keyOf.builder}
            isPressed={dialog.value === 'builder'}
            onClick={() => (dialog.value = dialog.value === 'builder' ? '' : 'builder')}
          />
          <IconButton
            icon="star"
            label={t.saved.title}
            keyName={keyOf.saved}
            onClick={() => (dialog.value = 'saved')}
          />
        </div>
      </form>
      {dialog.value === 'builder' && <Builder />}
    </section>
  )
}

/** A plain field until the editor is loaded, which comes after the first lines. */
function QueryField() {
  const app = useApp()
  const { draft, texts, editor } = app
  const plain = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    if (editor.value) return
    const load = async () => {
      const { Editor } = await import('../editor/editor.tsx')
      if (plain.current && document.activeElement === plain.current) app.isQueryWanted = true
      editor.value = Editor
    }
    // Not before the lines, which matter more.
    const timer = setTimeout(load, 250)
    return () => clearTimeout(timer)
  }, [])
  const Editor = editor.value
  if (Editor) return <Editor app={app} />
  return (
    <textarea
      ref={plain}
      class="query-plain"
      rows={1}
      spellcheck={false}
      aria-label={texts.value.query}
      value={draft.value}
      onInput={event => (draft.value = event.currentTarget.value)}
      onKeyDown={event => {
        if (event.key !== 'Enter' || event.shiftKey) return
        event.preventDefault()
        app.submit()
      }}
    />
  )
}
