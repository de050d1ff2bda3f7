// Parses the answer of a query like Grafana's backend: takes the keys in their order, and fails if
// a type is unexpected. Works on the text, because JSON.parse loses the order.

const kinds = ['matrix', 'vector', 'streams', 'scalar', 'string']

/**
 * Checks an answer with status 200.
 * @throws Error with the place that Grafana would not accept.
 */
export function checkStrictly(body: string): void {
  const reader = new JsonReader(body)
  reader.object(key => {
    if (key === 'data') readData(reader)
    else if (key === 'warnings' || key === 'infos') reader.array(() => reader.string())
    else reader.passOver()
  })
  reader.end()
}

function readData(reader: JsonReader): void {
  let kind: string | undefined
  let isCategorized = false
  let hasResult = false
  reader.object(key => {
    switch (key) {
      case 'resultType':
        kind = reader.string()
        if (!kinds.includes(kind)) reader.fail(`unknown result type ${kind}`)
        break
      case 'encodingFlags':
        if (hasResult) reader.fail('flags behind the result are not seen')
        reader.array(() => {
          if (reader.string() === 'categorize-labels') isCategorized = true
        })
        break
      case 'result':
        if (!kind) reader.fail('the result stands before its type')
        hasResult = true
        readResult(reader, kind!, isCategorized)
        break
      case 'stats':
        if (!hasResult) reader.fail('older Grafana drops stats before the result')
        reader.passOver()
        break
      default:
        reader.passOver()
    }
  })
  if (!hasResult) reader.fail('no result')
}

function readResult(reader: JsonReader, kind: string, isCategorized: boolean): void {
  if (kind === 'scalar' || kind === 'string') {
    readSample(reader)
    return
  }
  reader.array(() => {
    reader.object(key => {
      if (kind === 'streams') {
        if (key === 'stream') readLabels(reader)
        else if (key === 'values') reader.array(() => readEntry(reader, isCategorized))
        else reader.fail(`unknown key ${key} in a stream`)
      } else if (key === 'metric') readLabels(reader)
      else if (key === 'value') readSample(reader)
      else if (key === 'values') reader.array(() => readSample(reader))
      else reader.passOver()
    })
  })
}

function readEntry(reader: JsonReader, isCategorized: boolean): void {
  let index = 0
  reader.array(() => {
    index++
    if (index === 1) {
      const time = reader.string()
      if (!/^\d{10,}$/.test(time)) reader.fail(`${time} is not a time in nanoseconds`)
    } else if (index === 2) reader.string()
    else if (index === 3 && isCategorized) {
      reader.object(key => {
        if (key !== 'structuredMetadata' && key !== 'parsed') reader.fail(`unknown category ${key}`)
        readLabels(reader)
      })
    } else reader.fail('an extra element next to a line')
  })
  if (index !== (isCategorized ? 3 : 2)) reader.fail(`${index} elements beside a line`)
}

function readSample(reader: JsonReader): void {
  let index = 0
  reader.array(() => {
    if (index++ === 0) reader.number()
    else if (!/^(-?\d+(\.\d+)?|NaN|[+-]Inf)$/.test(reader.string())) reader.fail('no sample')
  })
  if (index !== 2) reader.fail('a sample is a time and a value')
}

function readLabels(reader: JsonReader): void {
  reader.object(() => reader.string())
}

/** Walks over JSON text. */
class JsonReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  fail(why: string): never {
    throw new Error(
      `${why}, at ${this.#at}: ${this.#text.slice(Math.max(0, this.#at - 40), this.#at + 40)}`,
    )
  }

  object(readValue: (key: string) => void): void {
    this.#list('{', '}', () => {
      const key = this.string()
      this.#expect(':')
      readValue(key)
    })
  }

  array(readItem: () => void): void {
    this.#list('[', ']', readItem)
  }

  string(): string {
    this.#space()
    const match = this.#match(/"(?:[^"\\]|\\.)*"/y)
    if (match === undefined) this.fail('not a string')
    // Rejects control characters and invalid escapes.
    return JSON.parse(match) as string
  }

  number(): number {
    this.#space()
    const match = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    if (match === undefined) this.fail('not a number')
    return Number(match)
  }

  passOver(): void {
    this.#space()
    const next = this.#text[this.#at]
    if (next === '{') this.object(() => this.passOver())
    else if (next === '[') this.array(() => this.passOver())
    else if (next === '"') this.string()
    else if (this.#match(/true|false|null/y) === undefined) this.number()
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) this.fail('text behind the answer')
  }

  #list(open: string, close: string, readItem: () => void): void {
    this.#expect(open)
    this.#space()
    if (this.#text[this.#at] === close) {
      this.#at++
      return
    }
    for (;;) {
      readItem()
      this.#space()
      const next = this.#text[this.#at++]
      if (next === close) return
      if (next !== ',') this.fail(`expected , or ${close}`)
    }
  }

  #expect(char: string): void {
    this.#space()
    if (this.#text[this.#at] !== char) this.fail(`expected ${char}`)
    this.#at++
  }

  #space(): void {
    this.#match(/[ \t\n\r]*/y)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}
