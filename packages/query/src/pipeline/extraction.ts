// How parsers name and keep the labels they find in a line.

import { trimSpace } from '@skald/go-dialect/text/letter-case'
import type { LineLabels } from './labels.ts'
import type { LabelNeeds } from './stage.ts'

/** Makes a label name of a key: spaces cut off, other characters than letters and digits become `_`. */
export function sanitizeLabelName(key: string): string {
  const trimmed = trimSpace(key)
  if (trimmed === '') return ''
  const name = trimmed.replace(/[^a-zA-Z0-9_]/gu, '_')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

/**
 * Makes the name of a key inside the object of a name, which it is where the key has none; the rule for
 * leading digits is the first's.
 */
export function sanitizeInnerName(prefix: string, key: string): string {
  const trimmed = trimSpace(key)
  if (trimmed === '') return prefix
  return `${prefix}_${trimmed.replace(/[^a-zA-Z0-9_]/gu, '_')}`
}

/** Values that hold U+FFFD, which no label may, get spaces instead. */
export function cleanValue(value: string): string {
  return value.includes('\ufffd') ? value.replaceAll('\ufffd', ' ') : value
}

/** Most names remembered, and their length; keys made of random text must not fill the memory. */
const rememberedMax = 10_000
const rememberedLengthMax = 256

/** Takes in what one parser finds, one line after the other. */
export class Extraction {
  readonly #needs: LabelNeeds
  readonly #names = new Map<string, string>()
  #labels!: LineLabels

  constructor(needs: LabelNeeds) {
    this.#needs = needs
  }

  /** Nobody looks at any label, so nothing needs to be parsed. */
  get isIdle(): boolean {
    return this.#needs.stopsEarly && this.#needs.names?.size === 0
  }

  /** All labels that anybody looks at are found. */
  get isComplete(): boolean {
    const { names, stopsEarly } = this.#needs
    const labels = this.#labels
    if (!stopsEarly || !names || labels.setCount < names.size) return false
    for (const name of names) if (!labels.wasSet(name)) return false
    return true
  }

  /** Names as they are in lines; `undefined` where all are wanted. */
  get wanted(): readonly string[] | undefined {
    const { names } = this.#needs
    return names && [...names].map(name => name.replace(/_extracted$/, ''))
  }

  /** Tells whether a name that begins with a prefix is wanted. */
  wantsBelow(prefix: string): boolean {
    const { names } = this.#needs
    if (!names) return true
    for (const name of names) if (name.startsWith(prefix)) return true
    return false
  }

  start(labels: LineLabels): void {
    this.#labels = labels
  }

  /** Sanitises a key, from memory where it was seen before. */
  nameOf(key: string): string {
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = sanitizeLabelName(key)
    if (this.#names.size < rememberedMax && key.length <= rememberedLengthMax) {
      this.#names.set(key, name)
    }
    return name
  }

  /** Sanitises a key; empty where nobody wants the name, nor one that begins with it. */
  wantedName(key: string): string {
    const name = this.nameOf(key)
    return this.wantsBelow(name) ? name : ''
  }

  /**
   * Finds the label that a parsed name sets: `_extracted` is put behind one that is a label of the stream or
   * metadata. `undefined` where the value is not wanted: the first one that is parsed stays.
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

  /** Sets a label that `target` found. */
  set(field: string, value: string): void {
    this.#labels.set(field, cleanValue(value))
  }

  /** Sets a parsed label, if it is wanted. */
  add(name: string, value: string): void {
    const field = this.target(name)
    if (field !== undefined) this.#labels.set(field, cleanValue(value))
  }

  /** Sets a label that the query names itself (`json x="a.b"`), over what an earlier stage has set. */
  addNamed(name: string, value: string): void {
    const field = this.#fieldOf(name)
    if (this.#needs.names && !this.#needs.names.has(field)) return
    this.#labels.set(field, cleanValue(value))
  }

  /**
   * Sets a label that the query names from a key of the line. False where that was a second one for a label
   * whose name is taken: nothing of the line is read any more.
   */
  addKey(name: string, value: string): boolean {
    const field = this.#fieldOf(name)
    if (field !== name && this.target(name) === undefined) return false
    this.#labels.set(field, value)
    return true
  }

  /** Sets a label that the query names to nothing, unless the line has one of that name. */
  addMissing(name: string): void {
    if (this.#needs.names && !this.#needs.names.has(name)) return
    if (this.#labels.get(name) === undefined) this.#labels.set(name, '')
  }

  /** Sets a label that the query names to nothing, unless it is a label of the stream or metadata. */
  addEmpty(name: string): void {
    if (this.#fieldOf(name) === name) this.addNamed(name, '')
  }
}
