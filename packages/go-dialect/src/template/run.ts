// The state of one template execution: output, variables, use of the limits, and the current node, which
// errors show.

import { FunctionError, TemplateExecError } from '../errors.ts'
import { templateLimits, templateRegexCharsMax, templateRegexesMax } from '../limits.ts'
import { type CompiledRegex, compileRegex } from '../regex/regex.ts'
import { type AnyNode, formatNode } from './ast.ts'
import { type CallContext, GoList, GoMap, type MapSource, type Value } from './values.ts'

/** The data of a template. */
export interface TemplateData extends MapSource {
  /**
   * Returns a field, or `undefined` if it does not exist.
   * @throws FunctionError if the data can have no such field.
   */
  get(name: string): Value
  /** Returns all fields. Called only if a template uses `.` as a whole. */
  entries(): Iterable<readonly [string, Value]>
  /** The line of the entry, for `__line__`. */
  line?(): string
  /** The time of the entry, for `__timestamp__`. */
  timestampNs?(): bigint
  /** The current time, for `now`. Uses the system's clock by default. */
  nowNs(): bigint
  /** The answer to a query, for `query` in rules. */
  query?(text: string): Value
  /** The address under which people reach Grafana, for `externalURL` and `pathPrefix` in rules. */
  externalUrl?(): string
}

/** What the templates of one text share. */
export interface Source {
  readonly name: string
  readonly text: string
  /** Compiled patterns, kept between executions; at most `templateRegexesMax`. */
  readonly regexes: Map<string, CompiledRegex>
}

export class Run implements CallContext {
  out = ''
  /** Variables of the running template, `$` first. */
  vars: Value[] = []
  node: AnyNode | undefined
  templateName: string
  depth = 0
  readonly #source: Source
  readonly #data: TemplateData
  #roundCount = 0
  #work = 0

  constructor(source: Source, data: TemplateData) {
    this.#source = source
    this.#data = data
    this.templateName = source.name
  }

  line(): string {
    return this.#data.line?.() ?? ''
  }

  timestampNs(): bigint {
    return this.#data.timestampNs?.() ?? 0n
  }

  nowNs(): bigint {
    return this.#data.nowNs()
  }

  query(text: string): Value {
    if (!this.#data.query) throw new FunctionError('queries are not available here')
    return this.#data.query(text)
  }

  externalUrl(): string {
    return this.#data.externalUrl?.() ?? ''
  }

  regex(pattern: string): CompiledRegex {
    const known = this.#source.regexes.get(pattern)
    if (known) return known
    const compiled = compileRegex(pattern)
    if (pattern.length > templateRegexCharsMax) return compiled
    if (this.#source.regexes.size >= templateRegexesMax) this.#source.regexes.clear()
    this.#source.regexes.set(pattern, compiled)
    return compiled
  }

  write(text: string): void {
    this.out += text
    if (this.out.length > templateLimits.outputCharsMax) {
      this.fail(`output is too long: at most ${templateLimits.outputCharsMax} characters`)
    }
  }

  /** Counts a loop round or template call that runs this many nodes. */
  countRound(nodeCount: number): void {
    this.#roundCount++
    if (this.#roundCount > templateLimits.iterationCountMax) {
      this.fail(`template has too many rounds: at most ${templateLimits.iterationCountMax}`)
    }
    this.#addWork(nodeCount)
  }

  /** Counts the size of a value that a function read or created. */
  countWork(value: Value): void {
    if (typeof value === 'string') this.#addWork(value.length + 1)
    else if (value instanceof GoList) this.#addWork(value.items.length + 1)
    else if (value instanceof GoMap && value.isFilled) this.#addWork(value.size + 1)
  }

  #addWork(size: number): void {
    this.#work += size
    if (this.#work > templateLimits.workMax) {
      this.fail('template does too much: its functions and loops exceed the limit')
    }
  }

  /** Stops the execution with an error at the current node. */
  fail(why: string, options?: ErrorOptions): never {
    if (!this.node) throw new TemplateExecError(`template: ${this.templateName}: ${why}`, options)
    const { name, text } = this.#source
    const before = text.slice(0, this.node.pos)
    const lineStart = before.lastIndexOf('\n') + 1
    const line = before.split('\n').length
    const column = Buffer.byteLength(before.slice(lineStart), 'utf8')
    const place = `executing ${JSON.stringify(this.templateName)} at <${formatNode(this.node)}>`
    throw new TemplateExecError(`template: ${name}:${line}:${column}: ${place}: ${why}`, options)
  }

  /** Converts an error thrown by a function to a template error. Rethrows other errors. */
  failCall(name: string, node: AnyNode, error: unknown): never {
    const isExpected =
      error instanceof FunctionError || error instanceof SyntaxError || error instanceof RangeError
    if (!isExpected) throw error
    this.node = node
    this.fail(`error calling ${name}: ${error.message}`, { cause: error })
  }
}
