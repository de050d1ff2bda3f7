// The key of each action.

import type { ViewName } from './address.ts'

/** What keys do. */
export type KeyName =
  | 'query'
  | 'run'
  | 'live'
  | 'range'
  | 'back'
  | 'forward'
  | 'builder'
  | 'saved'
  | 'export'
  | 'why'
  | 'down'
  | 'up'
  | 'open'
  | 'context'
  | 'link'
  | 'copyLine'
  | 'top'
  | 'wrap'
  | 'order'
  | 'zone'
  | 'fields'
  | 'histogram'
  | 'theme'
  | 'keys'
  | ViewName

/** The key of each action. Letters are those of the physical key's text, so they work in most layouts. */
export const keyOf: Readonly<Record<KeyName, string>> = {
  query: '/',
  run: 'r',
  live: 't',
  range: 'g',
  back: '[',
  forward: ']',
  builder: 'b',
  saved: 's',
  export: 'e',
  why: 'y',
  down: 'j',
  up: 'k',
  open: 'Enter',
  context: 'c',
  link: 'l',
  copyLine: 'v',
  top: 'a',
  wrap: 'w',
  order: 'o',
  zone: 'u',
  fields: 'f',
  histogram: 'h',
  theme: 'd',
  keys: '?',
  explore: '1',
  patterns: '2',
  labels: '3',
  status: '4',
}
