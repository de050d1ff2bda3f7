// The labels of one line on its way through a pipeline: those of its stream, its structured metadata,
// and what stages parsed or changed. A later kind hides an earlier one of the same name.

import type { Label, LabelSet } from '@skald/wire'

/** Labels of a result, by where they came from; each part sorted by name. */
export interface CategorizedLabels {
  readonly stream: LabelSet
  readonly metadata: LabelSet
  readonly parsed: LabelSet
}

/** All labels of an entry in one sorted set. */
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

/** Metadata names that a stream label takes already get `_extracted` behind them. */
export function createMetadataMap(metadata: LabelSet, stream: LabelMap): LabelMap {
  return new Map(
    metadata.map(({ name, value }) => [stream.has(name) ? `${name}_extracted` : name, value]),
  )
}

/** Labels of the current line. One object serves all lines of a scan, one after the other. */
export class LineLabels {
  /** `__error__` of the line, or nothing. */
  error = ''
  errorDetails = ''
  /** Whether a parser could not read the line. */
  hasParserError = false
  #stream: LabelMap = new Map()
  #metadata: LabelMap = new Map()
  // Labels that stages have set; what lies behind the count is left over from earlier lines.
  readonly #names: string[] = []
  readonly #values: string[] = []
  #count = 0
  // Labels that stages have set and then deleted.
  #deleted: Set<string> | undefined
  // Labels of the stream and of metadata that stages have deleted.
  #hidden: Set<string> | undefined

  /** Starts a line. */
  reset(stream: LabelMap, metadata: LabelMap): void {
    this.#stream = stream
    this.#metadata = metadata
    this.#count = 0
    this.#deleted = undefined
    this.#hidden = undefined
    this.hasParserError = false
    this.clearError()
  }

  /** Tells whether a stage changed anything about the line's labels. */
  get isChanged(): boolean {
    return this.#count > 0 || this.#hidden !== undefined || this.hasError
  }

  get hasError(): boolean {
    return this.error !== '' || this.errorDetails !== ''
  }

  /** Returns the value of a label, `undefined` where the line has none of that name. */
  get(name: string): string | undefined {
    const index = this.parsedIndex(name)
    if (index >= 0) return this.#values[index]
    if (this.#hidden?.has(name)) return undefined
    return this.#metadata.get(name) ?? this.#stream.get(name)
  }

  isStreamLabel(name: string): boolean {
    return this.#stream.has(name)
  }

  /** Tells whether a label is metadata, and no stage has deleted it or set one of its name. */
  isMetadata(name: string): boolean {
    return this.#metadata.has(name) && this.#isShown(name)
  }

  /** Tells whether a stage has set a label, also where another one has deleted it since. */
  wasSet(name: string): boolean {
    return this.parsedIndex(name) >= 0 || (this.#deleted?.has(name) ?? false)
  }

  /** Labels that stages have set so far, at least. */
  get setCount(): number {
    return this.#count + (this.#deleted?.size ?? 0)
  }

  /** Place of a label among those that stages have set, or -1. */
  parsedIndex(name: string): number {
    for (let i = this.#count - 1; i >= 0; i--) if (this.#names[i] === name) return i
    return -1
  }

  /** Sets a label as parsed; it hides stream and metadata labels of the name. */
  set(name: string, value: string): void {
    let index = this.parsedIndex(name)
    if (index < 0) index = this.#count++
    this.#names[index] = name
    this.#values[index] = value
  }

  delete(name: string): void {
    const index = this.parsedIndex(name)
    if (index >= 0) {
      this.#deleted ??= new Set()
      this.#deleted.add(name)
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

  /** Sets the error of the line; the last one stays, and the details of an earlier one where it has none. */
  setError(type: string, details?: string): void {
    this.error = type
    if (details !== undefined) this.errorDetails = details
  }

  /** Sets an error that a parser made of the line. */
  setParserError(type: string, details?: string): void {
    this.hasParserError = true
    this.setError(type, details)
  }

  /** Forgets the error of the line. */
  clearError(): void {
    this.error = ''
    this.errorDetails = ''
  }

  /** Visits every label, errors left out. */
  visit(each: (name: string, value: string) => void): void {
    for (const [name, value] of this.#stream) {
      if (!this.#metadata.has(name) && this.#isShown(name)) each(name, value)
    }
    for (const [name, value] of this.#metadata) if (this.#isShown(name)) each(name, value)
    for (let i = 0; i < this.#count; i++) {
      if (!this.#isError(this.#names[i]!)) each(this.#names[i]!, this.#values[i]!)
    }
  }

  // A field of the line that is called as an error is hidden by one.
  #isError(name: string): boolean {
    return (
      (name === errorLabel && this.error !== '') ||
      (name === errorDetailsLabel && this.errorDetails !== '')
    )
  }

  #isShown(name: string): boolean {
    return this.parsedIndex(name) < 0 && !this.#hidden?.has(name)
  }

  /** Copies the labels out; errors count as parsed. */
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

  /** Copies all labels out as one sorted set. */
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

  /** Text that is the same for lines of one stream and metadata set with the same changes. */
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
