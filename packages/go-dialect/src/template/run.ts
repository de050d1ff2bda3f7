// The state of one execution of a template: output, variables, what has been used of the limits, and
// the node it is at, which errors show.

import { FunctionError, TemplateExecError } from '../errors.ts'
import { type CompiledRegex, compileRegex } from '../regex/regex.ts'
import { type AnyNode, formatNode } from './ast.ts'
import type { CallContext } from './function.ts'
import { templateLimits } from './limits.ts'
import { GoList, GoMap, type MapSource, type Value } from './values.ts'

/** What a template is executed on. */
export interface TemplateData extends MapSource {
  /** Gives a field, `undefined` where there is none. */
  get(name: string): string | undefined
  /** Gives all fields; asked only where a template uses `.` as a whole. */
  entries(): Iterable<readonly [string, string]>
  /** The line of the entry, for `__line__`. */
  line?(): string
  /** The time of the entry, for `__timestamp__`. */
  timestampNs?(): bigint
  /** The present, for `now`; the system's clock by default. */
  nowNs(): bigint
}

/** What the templates of one text share. */
export interface Source {
  readonly name: string
  readonly text: string
  /** Compiled patterns, kept over executions; bounded by `regexCountMax`. */
  readonly regexes: Map<string, CompiledRegex>
}

/** Patterns that are kept; more can only come from data. */
const regexCountMax = 100
/** Longer patterns are compiled each time, so that those that are kept stay small. */
const regexCharsMax = 20_000

export class Run implements CallContext {
  out = ''
  /** Variables of the template that runs, `$` first. */
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

  regex(pattern: string): CompiledRegex {
    const known = this.#source.regexes.get(pattern)
    if (known) return known
    const compiled = compileRegex(pattern)
    if (pattern.length > regexCharsMax) return compiled
    if (this.#source.regexes.size >= regexCountMax) this.#source.regexes.clear()
    this.#source.regexes.set(pattern, compiled)
    return compiled
  }

  write(text: string): void {
    this.out += text
    if (this.out.length > templateLimits.outputCharsMax) {
      this.fail(`output is too long: at most ${templateLimits.outputCharsMax} characters`)
    }
  }

  /** Counts a round of a loop or a call of a template, which runs so many nodes. */
  countRound(nodeCount: number): void {
    this.#roundCount++
    if (this.#roundCount > templateLimits.iterationCountMax) {
      this.fail(`template has too many rounds: at most ${templateLimits.iterationCountMax}`)
    }
    this.#addWork(nodeCount)
  }

  /** Counts the size of a value that a function reads or has made. */
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

  /** Ends the execution with an error at the node that runs. */
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

  /** Turns what a function threw into the error of the template; other errors are passed on. */
  failCall(name: string, node: AnyNode, error: unknown): never {
    const isExpected =
      error instanceof FunctionError || error instanceof SyntaxError || error instanceof RangeError
    if (!isExpected) throw error
    this.node = node
    this.fail(`error calling ${name}: ${error.message}`, { cause: error })
  }
}
