// How parsers name and keep the labels they find in a line.

import type { LineLabels } from './labels.ts'
import type { LabelNeeds } from './stage.ts'

/** Makes a label name of a key: spaces cut off, other characters than letters and digits become `_`. */
export function sanitizeLabelName(key: string): string {
  const trimmed = key.trim()
  if (trimmed === '') return ''
  const name = trimmed.replace(/[^a-zA-Z0-9_]/gu, '_')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

/** Makes the name of a key inside the object of a name; the rule for leading digits is the first's. */
export function sanitizeInnerName(prefix: string, key: string): string {
  return `${prefix}_${key.trim().replace(/[^a-zA-Z0-9_]/gu, '_')}`
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
  #firstOwn = 0

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
    return stopsEarly && names !== undefined && this.#labels.parsedCount >= names.size
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
    this.#firstOwn = labels.parsedCount
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
   * Finds the label that a parsed name sets: a stream label's name gets `_extracted`, metadata and what
   * an earlier stage set are left alone. `undefined` where the value is not wanted.
   */
  target(name: string): string | undefined {
    const labels = this.#labels
    let field = name
    if (labels.isStreamLabel(name)) field = `${name}_extracted`
    else if (labels.isMetadata(name)) return undefined
    if (this.#needs.names && !this.#needs.names.has(field)) return undefined
    const index = labels.parsedIndex(field)
    return index >= 0 && index < this.#firstOwn ? undefined : field
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

  /** Sets a label that the query names itself (`json x="a.b"`): it hides metadata of its name. */
  addNamed(name: string, value: string): void {
    const field = this.#labels.isStreamLabel(name) ? `${name}_extracted` : name
    if (this.#needs.names && !this.#needs.names.has(field)) return
    this.#labels.set(field, cleanValue(value))
  }
}
