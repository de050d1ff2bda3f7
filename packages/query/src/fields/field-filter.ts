// Label filters on the values of a field reader (field-reader.ts).

import { parseBytes, parseDurationNs, parseFloatText } from '@skald/go-dialect/number/conversions'
import { type CompareOp, compareNumbers } from '../pipeline/compare-numbers.ts'
import { compileFilterMatcher } from '../pipeline/label-regex.ts'
import type { LabelFilter } from '../tokens/label-filter-syntax.ts'

type Values = readonly (string | undefined)[]

// These are classes because V8 discards the compiled code of closures that each query creates again.

/** Tests the values of a line. */
export interface FieldFilter {
  /** @throws SyntaxError if a value is not a number. The pipeline must then handle the line. */
  passes(values: Values): boolean
}

/** Compiles a filter, given the names of the values. Returns `undefined` if it needs other labels too. */
export function compileFieldFilter(
  filter: LabelFilter,
  names: readonly string[],
): FieldFilter | undefined {
  // Stopping at the first half of an `or` would miss an error in the second half.
  if (filter.kind === 'or' && (hidesError(filter.left) || hidesError(filter.right)))
    return undefined
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const left = compileFieldFilter(filter.left, names)
      const right = compileFieldFilter(filter.right, names)
      if (!left || !right) return undefined
      return filter.kind === 'and' ? new Both(left, right) : new Either(left, right)
    }
    case 'matcher': {
      const index = names.indexOf(filter.matcher.name)
      return index < 0 ? undefined : new Matching(index, compileFilterMatcher(filter.matcher))
    }
    case 'number':
      return comparison(filter, names, { parse: parseFloatText, wanted: filter.value })
    case 'bytes':
      return comparison(filter, names, { parse: parseBytes, wanted: filter.value })
    case 'duration':
      return comparison(filter, names, { parse: parseDurationNs, wanted: Number(filter.valueNs) })
    case 'ip':
      return undefined
  }
}

function hidesError(filter: LabelFilter): boolean {
  if (filter.kind === 'or') return hidesError(filter.left) || hidesError(filter.right)
  return filter.kind === 'and' && (hidesError(filter.left) || compares(filter.right))
}

function compares(filter: LabelFilter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') {
    return compares(filter.left) || compares(filter.right)
  }
  return filter.kind !== 'matcher'
}

interface Operand {
  readonly parse: (text: string) => number
  readonly wanted: number
}

function comparison(
  { name, op }: { readonly name: string; readonly op: CompareOp },
  names: readonly string[],
  operand: Operand,
): FieldFilter | undefined {
  const index = names.indexOf(name)
  return index < 0 ? undefined : new Comparison(index, op, operand)
}

/** A filter made of two. */
abstract class Pair implements FieldFilter {
  protected readonly left: FieldFilter
  protected readonly right: FieldFilter

  constructor(left: FieldFilter, right: FieldFilter) {
    this.left = left
    this.right = right
  }

  abstract passes(values: Values): boolean
}

class Both extends Pair {
  passes(values: Values): boolean {
    return this.left.passes(values) && this.right.passes(values)
  }
}

class Either extends Pair {
  passes(values: Values): boolean {
    return this.left.passes(values) || this.right.passes(values)
  }
}

class Matching implements FieldFilter {
  readonly #index: number
  readonly #test: (text: string) => boolean

  constructor(index: number, test: (text: string) => boolean) {
    this.#index = index
    this.#test = test
  }

  passes(values: Values): boolean {
    return this.#test(values[this.#index] ?? '')
  }
}

class Comparison implements FieldFilter {
  readonly #index: number
  readonly #op: CompareOp
  readonly #parse: (text: string) => number
  readonly #wanted: number

  constructor(index: number, op: CompareOp, { parse, wanted }: Operand) {
    this.#index = index
    this.#op = op
    this.#parse = parse
    this.#wanted = wanted
  }

  passes(values: Values): boolean {
    const text = values[this.#index]
    return text !== undefined && compareNumbers(this.#op, this.#parse(text), this.#wanted)
  }
}
