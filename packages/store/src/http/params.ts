// Reads and checks the parameters of the query routes like Loki. Form body and query string are one
// form, with the body's values first.

import {
  minBigint,
  nsPerMs,
  nsPerSecond,
  parsePrometheusDuration,
  parseRfc3339,
} from '@skald/go-dialect'
import type { Direction } from '@skald/query'
import { BadRequestError } from '../errors.ts'
import { seriesPointsMax, tailDelaySecondsMax } from '../limits.ts'

const defaultSinceNs = 3600n * nsPerSecond
const defaultLimit = 100
const defaultFieldLimit = 1000

/** The parameters of one request. */
export class Params {
  readonly #form: URLSearchParams

  constructor(queryString: string, formBody = '') {
    this.#form = new URLSearchParams(formBody)
    for (const [name, value] of new URLSearchParams(queryString)) this.#form.append(name, value)
  }

  /** Returns the first value of a name, or an empty string if it is missing. */
  get(name: string): string {
    return this.#form.get(name) ?? ''
  }

  getAll(name: string): string[] {
    return this.#form.getAll(name)
  }

  /** Returns start and end. `end` defaults to now, `start` to `since` (1h) before it. */
  timeRange(nowNs: bigint): { startNs: bigint; endNs: bigint } {
    const sinceText = this.get('since')
    let sinceNs = defaultSinceNs
    if (sinceText !== '') {
      try {
        sinceNs = parsePrometheusDuration(sinceText)
      } catch (cause) {
        const why = (cause as Error).message
        throw new BadRequestError(`could not parse 'since' parameter: ${why}`, { cause })
      }
    }
    const endNs = this.#time('end') ?? nowNs
    const startNs = this.#time('start') ?? minBigint(endNs, nowNs) - sinceNs
    return { startNs, endNs }
  }

  /** Returns the evaluation time of an instant query. */
  instant(nowNs: bigint): bigint {
    return this.#time('time') ?? nowNs
  }

  limit(): number {
    return positiveLimit(this.get('limit'), defaultLimit)
  }

  /** Returns how many lines to read when detecting fields. */
  lineLimit(): number {
    return positiveLimit(this.get('line_limit'), defaultLimit)
  }

  /**
   * Returns the maximum number of fields, or of values of a field. `field_limit` is the older name.
   */
  fieldLimit(): number {
    return positiveLimit(this.get('limit') || this.get('field_limit'), defaultFieldLimit)
  }

  /** Returns the maximum number of series in a volume. 0 means the default. */
  volumeLimit(): number {
    const text = this.get('limit')
    return /^[+-]?0+$/.test(text) ? defaultLimit : positiveLimit(text, defaultLimit)
  }

  /** Returns start and end. @throws BadRequestError when the end is before the start. */
  orderedRange(nowNs: bigint): { startNs: bigint; endNs: bigint } {
    const range = this.timeRange(nowNs)
    if (range.endNs < range.startNs) {
      throw new BadRequestError('end timestamp must not be before or equal to start time')
    }
    return range
  }

  /** Returns how long a tail delays entries. */
  tailDelayMs(): number {
    const seconds = this.#integer('delay_for', 0)
    if (seconds > tailDelaySecondsMax) {
      throw new BadRequestError(`delay_for can't be greater than ${tailDelaySecondsMax}`)
    }
    return Math.max(0, seconds) * 1000
  }

  direction(): Direction {
    const text = this.get('direction')
    switch (text.toLowerCase()) {
      case '':
      case 'backward':
        return 'backward'
      case 'forward':
        return 'forward'
      default:
        throw new BadRequestError(`invalid direction '${text}'`)
    }
  }

  /**
   * Returns the step of a range query. The default is a 250th of the range, but at least a second.
   */
  stepNs({ startNs, endNs }: { startNs: bigint; endNs: bigint }): bigint {
    const text = this.get('step')
    if (text === '') {
      const seconds = (endNs - startNs) / nsPerSecond / 250n
      return (seconds > 1n ? seconds : 1n) * nsPerSecond
    }
    const stepNs = parseSecondsOrDuration(text)
    if (stepNs <= 0n) {
      throw new BadRequestError(
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      )
    }
    if ((endNs - startNs) / stepNs > seriesPointsMax) {
      throw new BadRequestError(
        'exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter',
      )
    }
    return stepNs
  }

  /** Returns the minimum distance between the entries of a log query; 0 for none. */
  intervalNs(): bigint {
    const text = this.get('interval')
    if (text === '') return 0n
    const intervalNs = parseSecondsOrDuration(text)
    if (intervalNs < 0n) throw new BadRequestError('interval must be >= 0')
    return intervalNs
  }

  /** Returns whether the answer shall say how it came about. */
  wantsExplanation(): boolean {
    return ['true', '1'].includes(this.get('explain'))
  }

  #integer(name: string, whenMissing: number): number {
    const text = this.get(name)
    if (text === '') return whenMissing
    const fail = (why: string) =>
      new BadRequestError(`strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`)
    if (!/^[+-]?\d+$/.test(text)) throw fail('invalid syntax')
    const value = Number(text)
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) throw fail('value out of range')
    return value
  }

  #time(name: string): bigint | undefined {
    const text = this.get(name)
    if (text === '') return undefined
    return parseTime(text, name)
  }
}

/** Reads a limit with the rules and errors of Go's number parser. */
function positiveLimit(text: string, absent: number): number {
  if (text === '') return absent
  if (!/^[+-]?\d+$/.test(text)) {
    throw new BadRequestError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  const limit = Number(text)
  if (limit > Number.MAX_SAFE_INTEGER) {
    throw new BadRequestError(`strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`)
  }
  if (limit <= 0) throw new BadRequestError('limit must be a positive value')
  return limit
}

/**
 * Parses a time: seconds with a fraction, whole seconds (up to ten characters), nanoseconds or RFC
 * 3339.
 */
function parseTime(text: string, name: string): bigint {
  if (text.includes('.')) {
    const seconds = parseGoFloat(text)
    if (seconds !== undefined && Number.isFinite(seconds)) {
      const whole = Math.trunc(seconds)
      return BigInt(whole) * nsPerSecond + BigInt(Math.round((seconds - whole) * 1000)) * nsPerMs
    }
  }
  if (/^[+-]?\d+$/.test(text)) {
    const value = BigInt(text)
    if (value !== BigInt.asIntN(64, value)) {
      throw new BadRequestError(
        `could not parse '${name}' parameter: strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`,
      )
    }
    return text.length <= 10 ? value * nsPerSecond : value
  }
  const ns = parseRfc3339(text)
  if (ns !== undefined) return ns
  throw new BadRequestError(
    `could not parse '${name}' parameter: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

function parseGoFloat(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

/** Parses seconds (`0.5`) or a Prometheus duration (`30s`), truncated to whole milliseconds. */
function parseSecondsOrDuration(text: string): bigint {
  const seconds = parseGoFloat(text)
  if (seconds !== undefined) {
    if (Math.abs(seconds) * 1e9 > Number.MAX_SAFE_INTEGER * 1000) {
      throw new BadRequestError(
        `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`,
      )
    }
    return BigInt(Math.trunc(seconds * 1000)) * nsPerMs
  }
  try {
    return parsePrometheusDuration(text)
  } catch (cause) {
    throw new BadRequestError(`cannot parse ${JSON.stringify(text)} to a valid duration`, { cause })
  }
}
