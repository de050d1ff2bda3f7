// How parsers name and store the labels they find in a line.

import { trimSpace } from '@skald/go-dialect/text/letter-case'
import { nameLengthMax, namesRememberedMax } from '../limits.ts'
import type { LineLabels } from './labels.ts'
import type { LabelNeeds } from './stage.ts'

/** Converts a key to a label name: trims spaces and replaces everything except letters and digits by `_`. */
export function sanitizeLabelName(key: string): string {
  const trimmed = trimSpace(key)
  if (trimmed === '') return ''
  const name = trimmed.replace(/[^a-zA-Z0-9_]/gu, '_')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

/**
 * Joins an outer name and an inner key, or returns the outer name if the key is empty. Leading digits were
 * handled in the outer name.
 */
export function sanitizeInnerName(prefix: string, key: string): string {
  const trimmed = trimSpace(key)
  if (trimmed === '') return prefix
  return `${prefix}_${trimmed.replace(/[^a-zA-Z0-9_]/gu, '_')}`
}

/** Labels may not contain U+FFFD, so it becomes a space. */
export function cleanValue(value: string): string {
  return value.includes('\ufffd') ? value.replaceAll('\ufffd', ' ') : value
}

/** Collects the labels that one parser finds, one line at a time. */
export class Extraction {
  readonly #needs: LabelNeeds
  readonly #names = new Map<string, string>()
  #labels!: LineLabels

  constructor(needs: LabelNeeds) {
    this.#needs = needs
  }

  /** True if no label is needed, so nothing has to be parsed. */
  get isIdle(): boolean {
    return this.#needs.stopsEarly && this.#needs.names?.size === 0
  }

  /** True once all needed labels are found. */
  get isComplete(): boolean {
    const { names, stopsEarly } = this.#needs
    const labels = this.#labels
    if (!stopsEarly || !names || labels.setCount < names.size) return false
    for (const name of names) if (!labels.wasSet(name)) return false
    return true
  }

  /** Names as they are in lines. `undefined` if all are needed. */
  get wanted(): readonly string[] | undefined {
    const { names } = this.#needs
    return names && [...names].map(name => name.replace(/_extracted$/, ''))
  }

  /** Returns true if any name with this prefix is needed. */
  wantsBelow(prefix: string): boolean {
    const { names } = this.#needs
    if (!names) return true
    for (const name of names) if (name.startsWith(prefix)) return true
    return false
  }

  start(labels: LineLabels): void {
    this.#labels = labels
  }

  /** Returns the label name of a key, cached. */
  nameOf(key: string): string {
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = sanitizeLabelName(key)
    if (this.#names.size < namesRememberedMax && key.length <= nameLengthMax) {
      this.#names.set(key, name)
    }
    return name
  }

  /** Returns the label name of a key. Empty if neither that name nor one starting with it is needed. */
  wantedName(key: string): string {
    const name = this.nameOf(key)
    return this.wantsBelow(name) ? name : ''
  }

  /**
   * Returns the label that a parsed name sets. Appends `_extracted` if the name is a stream label or
   * metadata. Returns `undefined` if the value is not needed; the first value parsed wins.
   */
  target(name: string): string | undefined {
    const field = this.#fieldOf(name)
    if (this.#needs.names && !this.#needs.names.has(field)) return undefined
    return this.#labels.wasSet(field) ? undefined : field
  }

  #fieldOf(name: string): string {
    const isTaken = this.#labels.isStreamLabel(name) || this.#labels.isMetadata(name)
    return isTaken ? `${name}_extracted` : name
  }

  /** Sets a label returned by `target`. */
  set(field: string, value: string): void {
    this.#labels.set(field, cleanValue(value))
  }

  /** Sets a parsed label if it is needed. */
  add(name: string, value: string): void {
    const field = this.target(name)
    if (field !== undefined) this.#labels.set(field, cleanValue(value))
  }

  /** Sets a label that the query names (`json x="a.b"`), replacing a value from an earlier stage. */
  addNamed(name: string, value: string): void {
    const field = this.#fieldOf(name)
    if (this.#needs.names && !this.#needs.names.has(field)) return
    this.#labels.set(field, cleanValue(value))
  }

  /**
   * Sets a label that the query names, from a key of the line, replacing an earlier value. If a stream label or
   * metadata has the name, the first value goes to its `_extracted` label. Returns false if that one has a value
   * or is not needed: the rest of the line is then not read.
   */
  addKey(name: string, value: string): boolean {
    const field = this.#fieldOf(name)
    if (field !== name && this.target(name) === undefined) return false
    this.#labels.set(field, value)
    return true
  }

  /** Sets a label named in the query to the empty text, unless the line has one of that name. */
  addMissing(name: string): void {
    if (this.#needs.names && !this.#needs.names.has(name)) return
    if (this.#labels.get(name) === undefined) this.#labels.set(name, '')
  }

  /** Sets a label named in the query to the empty text, unless it is a stream label or metadata. */
  addEmpty(name: string): void {
    if (this.#fieldOf(name) === name) this.addNamed(name, '')
  }
}
