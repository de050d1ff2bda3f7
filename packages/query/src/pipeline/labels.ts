// The labels of one line in a pipeline: those of its stream, its structured metadata, and those that stages
// parsed or changed. A later kind hides an earlier one with the same name.

import type { Label, LabelSet } from '@skald/wire'
import { searchedLabelsMax } from '../limits.ts'

/** The labels of a result, by origin. Each part is sorted by name. */
export interface CategorizedLabels {
  readonly stream: LabelSet
  readonly metadata: LabelSet
  readonly parsed: LabelSet
}

/** Returns all labels of an entry in one sorted set. */
export function unionLabels({ stream, metadata, parsed }: CategorizedLabels): LabelSet {
  if (metadata.length === 0 && parsed.length === 0) return stream
  return [...stream, ...metadata, ...parsed].sort((a, b) => (a.name < b.name ? -1 : 1))
}

export const errorLabel = '__error__'
export const errorDetailsLabel = '__error_details__'
export const preserveErrorLabel = '__preserve_error__'

/** Label values of one kind, by name. */
export type LabelMap = ReadonlyMap<string, string>

export function createLabelMap(labels: LabelSet): LabelMap {
  return new Map(labels.map(({ name, value }) => [name, value]))
}

/** Metadata names that are also stream labels get the suffix `_extracted`. */
export function createMetadataMap(metadata: LabelSet, stream: LabelMap): LabelMap {
  return new Map(
    metadata.map(({ name, value }) => [stream.has(name) ? `${name}_extracted` : name, value]),
  )
}

/** The labels of the current line. One object is reused for all lines of a scan. */
export class LineLabels {
  /** `__error__` of the line, or empty. */
  error = ''
  errorDetails = ''
  /** Whether a parser failed to read the line. */
  hasParserError = false
  #stream: LabelMap = new Map()
  #metadata: LabelMap = new Map()
  // Labels set by stages. Anything past the count is left over from earlier lines.
  readonly #names: string[] = []
  readonly #values: string[] = []
  #count = 0
  // Name → index, once there are many.
  #byName: Map<string, number> | undefined
  // Labels that stages set and then deleted.
  #deleted: Set<string> | undefined
  // Stream labels and metadata that stages deleted.
  #hidden: Set<string> | undefined

  /** Starts a line. */
  reset(stream: LabelMap, metadata: LabelMap): void {
    this.#stream = stream
    this.#metadata = metadata
    this.#count = 0
    this.#byName = undefined
    this.#deleted = undefined
    this.#hidden = undefined
    this.hasParserError = false
    this.clearError()
  }

  /** Whether a stage changed any label of the line. */
  get isChanged(): boolean {
    return this.#count > 0 || this.#hidden !== undefined || this.hasError
  }

  /** Whether no stage has set or deleted anything. */
  get isUntouched(): boolean {
    return (
      this.#count === 0 &&
      this.#deleted === undefined &&
      this.#hidden === undefined &&
      !this.hasError
    )
  }

  /** Labels of the stream, and of metadata. Lines with equal ones mostly have the same maps. */
  get streamMap(): LabelMap {
    return this.#stream
  }

  get metadataMap(): LabelMap {
    return this.#metadata
  }

  get hasError(): boolean {
    return this.error !== '' || this.errorDetails !== ''
  }

  /** Returns the value of a label, or `undefined` if the line does not have it. */
  get(name: string): string | undefined {
    const index = this.parsedIndex(name)
    if (index >= 0) return this.#values[index]
    if (this.#hidden?.has(name)) return undefined
    return this.#metadata.get(name) ?? this.#stream.get(name)
  }

  isStreamLabel(name: string): boolean {
    return this.#stream.has(name)
  }

  /** Returns true if a label is metadata that no stage has deleted or replaced. */
  isMetadata(name: string): boolean {
    return this.#metadata.has(name) && this.#isShown(name)
  }

  /** Returns true if a stage has set a label, even if another has deleted it since. */
  wasSet(name: string): boolean {
    return this.parsedIndex(name) >= 0 || (this.#deleted?.has(name) ?? false)
  }

  /** At least the number of labels that stages have set. */
  get setCount(): number {
    return this.#count + (this.#deleted?.size ?? 0)
  }

  /** Returns the index of a label among those set by stages, or -1. */
  parsedIndex(name: string): number {
    if (this.#count > searchedLabelsMax) return this.#indexes().get(name) ?? -1
    for (let i = this.#count - 1; i >= 0; i--) if (this.#names[i] === name) return i
    return -1
  }

  // A line may have a hundred thousand labels.
  #indexes(): Map<string, number> {
    if (!this.#byName) {
      this.#byName = new Map()
      for (let i = 0; i < this.#count; i++) this.#byName.set(this.#names[i]!, i)
    }
    return this.#byName
  }

  /** Sets a parsed label. It hides stream labels and metadata of the same name. */
  set(name: string, value: string): void {
    let index = this.parsedIndex(name)
    if (index < 0) {
      index = this.#count++
      this.#byName?.set(name, index)
    }
    this.#names[index] = name
    this.#values[index] = value
  }

  delete(name: string): void {
    const index = this.parsedIndex(name)
    if (index >= 0) {
      this.#deleted ??= new Set()
      this.#deleted.add(name)
      this.#byName = undefined
      this.#count--
      for (let i = index; i < this.#count; i++) {
        this.#names[i] = this.#names[i + 1]!
        this.#values[i] = this.#values[i + 1]!
      }
    }
    if (this.#stream.has(name) || this.#metadata.has(name)) {
      this.#hidden ??= new Set()
      this.#hidden.add(name)
    }
  }

  /** Sets the error of the line. The last error wins; without details it keeps those of an earlier error. */
  setError(type: string, details?: string): void {
    this.error = type
    if (details !== undefined) this.errorDetails = details
  }

  /** Sets an error that a parser found in the line. */
  setParserError(type: string, details?: string): void {
    this.hasParserError = true
    this.setError(type, details)
  }

  /** Clears the error of the line. */
  clearError(): void {
    this.error = ''
    this.errorDetails = ''
  }

  /** Visits every label except errors. */
  visit(each: (name: string, value: string) => void): void {
    for (const [name, value] of this.#stream) {
      if (!this.#metadata.has(name) && this.#isShown(name)) each(name, value)
    }
    for (const [name, value] of this.#metadata) if (this.#isShown(name)) each(name, value)
    for (let i = 0; i < this.#count; i++) {
      if (!this.#isError(this.#names[i]!)) each(this.#names[i]!, this.#values[i]!)
    }
  }

  // A field of the line named like an error is hidden by a real one.
  #isError(name: string): boolean {
    return (
      (name === errorLabel && this.error !== '') ||
      (name === errorDetailsLabel && this.errorDetails !== '')
    )
  }

  #isShown(name: string): boolean {
    return this.parsedIndex(name) < 0 && !this.#hidden?.has(name)
  }

  /** Copies the labels, by origin. Errors count as parsed. */
  categorize(): CategorizedLabels {
    const shown = (map: LabelMap, other?: LabelMap) =>
      [...map]
        .filter(([name]) => this.#isShown(name) && !other?.has(name))
        .map(([name, value]) => ({ name, value }))
    const parsed: Label[] = []
    for (let i = 0; i < this.#count; i++) {
      const name = this.#names[i]!
      if (!this.#isError(name)) parsed.push({ name, value: this.#values[i]! })
    }
    this.#pushErrors(parsed)
    return {
      stream: shown(this.#stream, this.#metadata),
      metadata: shown(this.#metadata).sort(compareNames),
      parsed: parsed.sort(compareNames),
    }
  }

  /** Copies all labels into one sorted set. */
  toLabelSet(): LabelSet {
    const labels: Label[] = []
    this.visit((name, value) => labels.push({ name, value }))
    this.#pushErrors(labels)
    return labels.sort(compareNames)
  }

  #pushErrors(labels: Label[]): void {
    if (this.error !== '') labels.push({ name: errorLabel, value: this.error })
    if (this.errorDetails !== '') {
      labels.push({ name: errorDetailsLabel, value: this.errorDetails })
    }
  }

  /** Returns a text that is equal for lines with the same stream, metadata set and changes. */
  changesKey(): string {
    let key = ''
    for (let i = 0; i < this.#count; i++) {
      key += `${this.#names[i]}\u0001${this.#values[i]}\u0002`
    }
    if (this.#hidden) key += `\u0003${[...this.#hidden].sort().join('\u0002')}`
    if (this.hasError) key += `\u0004${this.error}\u0002${this.errorDetails}`
    return key
  }
}

function compareNames(a: Label, b: Label): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
