// Functions of JSON: one row each. Numbers are float64, objects maps, null is nil.

import { FunctionError } from '../../errors.ts'
import { toPrintable } from '../../text/go-bytes.ts'
import { fn } from '../function.ts'
import { templateLimits } from '../limits.ts'
import { checkTextLength } from '../print.ts'
import { GoInt, GoList, GoMap, GoTime, type Value } from '../values.ts'

/** Functions that queries and the agent have. */
export const jsonFunctions = {
  fromJson: fn(['string'], text => {
    try {
      return parseJson(text)
    } catch (error) {
      // What is no JSON is nil.
      if (error instanceof SyntaxError) return null
      throw error
    }
  }),
}

/** Functions that only the agent has. */
export const moreJsonFunctions = {
  mustFromJson: fn(['string'], parseJson),
  toJson: fn(['any'], value => writeOrNothing(value, { escapesHtml: true })),
  mustToJson: fn(['any'], value => new JsonWriter({ escapesHtml: true }).write(value)),
  toPrettyJson: fn(['any'], value => writeOrNothing(value, { escapesHtml: true, indent: '  ' })),
  mustToPrettyJson: fn(['any'], value =>
    new JsonWriter({ escapesHtml: true, indent: '  ' }).write(value),
  ),
  toRawJson: fn(['any'], value => new JsonWriter({ escapesHtml: false }).write(value)),
  mustToRawJson: fn(['any'], value => new JsonWriter({ escapesHtml: false }).write(value)),
}

function parseJson(text: string): Value {
  return fromParsed(readJson(text), 0)
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const isCut = error instanceof SyntaxError && error.message.startsWith('Unexpected end')
    // Which character is wrong, JavaScript and Go say differently.
    throw new SyntaxError(isCut ? 'unexpected end of JSON input' : 'invalid JSON', { cause: error })
  }
}

function fromParsed(json: unknown, depth: number): Value {
  if (depth > templateLimits.valueDepthMax) throw new SyntaxError('exceeded max depth')
  if (typeof json === 'string') return json.isWellFormed() ? json : toPrintable(json)
  if (typeof json === 'number') {
    if (!Number.isFinite(json)) throw new SyntaxError('number is out of range')
    return json
  }
  if (typeof json !== 'object' || json === null) return json as boolean | null
  if (Array.isArray(json)) return new GoList(json.map(item => fromParsed(item, depth + 1)))
  return new GoMap(
    new Map(Object.entries(json).map(([key, item]) => [key, fromParsed(item, depth + 1)])),
  )
}

interface JsonStyle {
  readonly escapesHtml: boolean
  readonly indent?: string
}

/** The lenient functions give the empty text for what JSON cannot write. */
function writeOrNothing(value: Value, style: JsonStyle): string {
  try {
    return new JsonWriter(style).write(value)
  } catch (error) {
    if (error instanceof UnwritableError) return ''
    throw error
  }
}

class UnwritableError extends FunctionError {}

// Guards length and depth: a list may hold another many times over.
class JsonWriter {
  readonly #style: JsonStyle
  #length = 0

  constructor(style: JsonStyle) {
    this.#style = style
  }

  write(value: Value, depth = 0): string {
    if (depth > templateLimits.valueDepthMax) throw new FunctionError('value is nested too deeply')
    const text = this.#text(value, depth)
    if (!(value instanceof GoList || value instanceof GoMap)) this.#length += text.length
    checkTextLength(this.#length)
    return text
  }

  #text(value: Value, depth: number): string {
    if (value === null || value === undefined) return 'null'
    if (typeof value === 'string') return this.#quote(value)
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) {
        const shown = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
        throw new UnwritableError(`json: unsupported value: ${shown}`)
      }
      return Object.is(value, -0) ? '-0' : String(value)
    }
    if (value instanceof GoInt) return String(value.value)
    if (value instanceof GoTime) return `"${value.format('2006-01-02T15:04:05.999999999Z07:00')}"`
    this.#length += 2
    if (value instanceof GoList) {
      return this.#nested(
        '[]',
        value.items.map(item => this.write(item, depth + 1)),
        depth,
      )
    }
    if (value instanceof GoMap) {
      const colon = this.#style.indent === undefined ? ':' : ': '
      const entries = value
        .sorted()
        .map(([key, item]) => this.#quote(key) + colon + this.write(item, depth + 1))
      return this.#nested('{}', entries, depth)
    }
    return typeof value === 'object' ? this.#quote(String(value)) : String(value)
  }

  #nested(brackets: string, items: readonly string[], depth: number): string {
    const [open = '', close = ''] = brackets
    const { indent } = this.#style
    if (indent === undefined || items.length === 0) return open + items.join(',') + close
    const newline = `\n${indent.repeat(depth)}`
    return `${open}${newline}${indent}${items.join(`,${newline}${indent}`)}${newline}${close}`
  }

  #quote(text: string): string {
    const quoted = JSON.stringify(toPrintable(text)).replace(/[\u2028\u2029]/g, escapeUnit)
    return this.#style.escapesHtml ? quoted.replace(/[<>&]/g, escapeUnit) : quoted
  }
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
