// What the browser remembers: theme, language, zone, history, saved queries. Everything that it holds may be missing
// or wrong, because people and other versions of the page write there too.

import { type Signal, signal } from '@preact/signals'
import { historyMax, savedMax } from '../limits.ts'
import type { Language } from '../texts/languages.ts'

export type Theme = 'system' | 'dark' | 'light'
export interface SavedQuery {
  readonly name: string
  readonly query: string
}

export interface Settings {
  readonly theme: Signal<Theme>
  readonly language: Signal<Language>
  readonly zone: Signal<'local' | 'utc'>
  readonly isWrapped: Signal<boolean>
  readonly hasFields: Signal<boolean>
  readonly hasHistogram: Signal<boolean>
  readonly history: Signal<readonly string[]>
  readonly saved: Signal<readonly SavedQuery[]>
  /** Field → width in pixels. */
  readonly widths: Signal<Readonly<Record<string, number>>>
  /** Of this session only. Empty without tenants. */
  readonly tenant: Signal<string>
}

const start = 'skald.'

/** Reads the settings, and keeps them as they change. */
export function createSettings(
  local: Storage,
  session: Storage,
  languages: readonly string[],
): Settings {
  const kept = <Value>(
    name: string,
    check: (value: unknown) => Value | undefined,
    standard: Value,
  ) => keep(local, name, check, standard)
  const isText = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const flag = (value: unknown) => (typeof value === 'boolean' ? value : undefined)
  const oneOf =
    <Choice extends string>(...choices: Choice[]) =>
    (value: unknown) =>
      choices.find(choice => choice === value)
  const korean = languages[0]?.toLowerCase().startsWith('ko') === true
  return {
    theme: kept('theme', oneOf<Theme>('system', 'dark', 'light'), 'system'),
    language: kept('language', oneOf<Language>('en', 'ko'), korean ? 'ko' : 'en'),
    zone: kept('zone', oneOf<'local' | 'utc'>('local', 'utc'), 'local'),
    isWrapped: kept('wrap', flag, false),
    hasFields: kept('fields', flag, true),
    hasHistogram: kept('histogram', flag, true),
    history: kept('history', listOf(isText, historyMax), []),
    saved: kept('saved', listOf(savedOf, savedMax), []),
    widths: kept('widths', widthsOf, {}),
    tenant: keep(session, 'tenant', isText, ''),
  }
}

function keep<Value>(
  storage: Storage,
  name: string,
  check: (value: unknown) => Value | undefined,
  standard: Value,
): Signal<Value> {
  const held = signal(check(read(storage, name)) ?? standard)
  let isFirst = true
  held.subscribe(value => {
    if (isFirst) {
      isFirst = false
      return
    }
    try {
      storage.setItem(start + name, JSON.stringify(value))
    } catch {
      // The storage is full or forbidden. The page works without it.
    }
  })
  return held
}

function read(storage: Storage, name: string): unknown {
  try {
    return JSON.parse(storage.getItem(start + name) ?? 'null')
  } catch {
    // Not ours, or forbidden: as if nothing were there.
    return undefined
  }
}

function listOf<Value>(check: (value: unknown) => Value | undefined, most: number) {
  return (value: unknown): readonly Value[] | undefined =>
    Array.isArray(value) ? value.flatMap(item => check(item) ?? []).slice(0, most) : undefined
}

function savedOf(value: unknown): SavedQuery | undefined {
  const { name, query } = (value ?? {}) as Partial<SavedQuery>
  return typeof name === 'string' && typeof query === 'string' ? { name, query } : undefined
}

function widthsOf(value: unknown): Record<string, number> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, number] => typeof pair[1] === 'number'),
  )
}

/** Puts a query at the top of the history. */
export function remember(history: Signal<readonly string[]>, query: string): void {
  if (history.value[0] === query) return
  history.value = [query, ...history.value.filter(other => other !== query)].slice(0, historyMax)
}
