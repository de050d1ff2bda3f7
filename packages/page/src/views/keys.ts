// The keys of the page. Each calls what a button does.

import { viewNames } from '../state/address.ts'
import type { App } from '../state/app.ts'
import { type KeyName, keyOf } from '../state/key-names.ts'
import type { Theme } from '../state/settings.ts'

const themes: Readonly<Record<Theme, Theme>> = { system: 'dark', dark: 'light', light: 'system' }

/** Actions of the list of lines. The list says what they do while it is shown. */
export interface ListActions {
  move(by: 1 | -1): void
  toTop(): void
  open(): void
  context(): void
  link(): void
  copy(): void
}

let list: ListActions | undefined

/** Gives the keys to a list. Returns a function that takes them back. */
export function useList(actions: ListActions): () => void {
  list = actions
  return () => {
    if (list === actions) list = undefined
  }
}

/** Listens for keys until the returned function is called. */
export function watchKeys(app: App, document: Document): () => void {
  const names = new Map(Object.entries(keyOf).map(([name, key]) => [key, name as KeyName]))
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
    const name = names.get(event.key)
    if (!name || (name === 'open' && isOnButton(event))) return
    event.preventDefault()
    act(app, name, document)
  }
  document.addEventListener('keydown', onKey)
  return () => document.removeEventListener('keydown', onKey)
}

function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0]
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName)
}

function isOnButton(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && /^(button|a|summary)$/i.test(target.tagName)
}

function act(app: App, name: KeyName, document: Document): void {
  const { settings, dialog, address } = app
  const view = viewNames.find(other => other === name)
  if (view) {
    app.go({ view })
    return
  }
  const actions: Partial<Record<KeyName, () => void>> = {
    query: () => focusQuery(app, document),
    run: () => app.submit(),
    live: () => app.setLive(!address.value.isLive),
    back: () => app.moveRange(-1),
    forward: () => app.moveRange(1),
    down: () => list?.move(1),
    up: () => list?.move(-1),
    top: () => list?.toTop(),
    open: () => list?.open(),
    context: () => list?.context(),
    link: () => list?.link(),
    copyLine: () => list?.copy(),
    order: () => app.setOrder(address.value.order === 'newest' ? 'oldest' : 'newest'),
    zone: () => {
      settings.zone.value = settings.zone.value === 'utc' ? 'local' : 'utc'
    },
    wrap: () => {
      settings.isWrapped.value = !settings.isWrapped.value
    },
    fields: () => {
      settings.hasFields.value = !settings.hasFields.value
    },
    histogram: () => {
      settings.hasHistogram.value = !settings.hasHistogram.value
    },
    theme: () => {
      settings.theme.value = themes[settings.theme.value]
    },
  }
  const action = actions[name]
  if (action) {
    action()
    return
  }
  if (name === 'saved' || name === 'export' || name === 'why' || name === 'keys')
    dialog.value = name
  if (name === 'range' || name === 'builder') dialog.value = dialog.value === name ? '' : name
}

/** Puts the cursor into the query. If the field is not there yet, it gets the cursor when it comes. */
function focusQuery(app: App, document: Document): void {
  const field = document.querySelector<HTMLElement>('.query-field')
  const inner =
    field?.shadowRoot?.querySelector<HTMLElement>('.cm-content') ??
    document.querySelector<HTMLElement>('.query-plain')
  if (inner) inner.focus()
  else app.isQueryWanted = true
  if (app.address.value.view === 'status') app.go({ view: 'explore' })
}
