// A window above the page. The browser keeps the focus in it, and Escape closes it.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useApp } from './app-context.ts'
import { IconButton } from './icon-button.tsx'

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly isWide?: boolean
  readonly children: ComponentChildren
}

/** Shows a window until `onClose`. */
export function Dialog({ title, onClose, isWide = false, children }: DialogProps) {
  const { texts } = useApp()
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current!
    dialog.showModal()
    return () => dialog.close()
  }, [])
  return (
    <dialog
      ref={ref}
      class={isWide ? 'dialog wide' : 'dialog'}
      aria-label={title}
      onCancel={event => {
        event.preventDefault()
        onClose()
      }}
      onClick={event => {
        if (event.target === ref.current) onClose()
      }}
      onKeyDown={event => event.stopPropagation()}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2>{title}</h2>
          <IconButton icon="close" label={texts.value.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  )
}
