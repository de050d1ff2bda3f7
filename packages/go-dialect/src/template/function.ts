// Defines a template function: its parameter types and its code. The types decide which constants and values
// Go accepts as arguments, and the error for others.

import type { CompiledRegex } from '../regex/regex.ts'
import type { GoMap, GoTime, Value } from './values.ts'

/** JavaScript type of each parameter type. */
export interface ParamValues {
  readonly string: string
  /** Go's `int`, exact up to 2^53. */
  readonly int: number
  readonly float64: number
  readonly bool: boolean
  /** A missing value is `null`. */
  readonly any: Value
  readonly time: GoTime
  readonly map: GoMap
  /** Like `any`, but a missing value is `undefined`. */
  readonly value: Value
}

export type ParamType = keyof ParamValues

/** Go's names of the types, for error texts. */
export const paramTypeNames: Readonly<Record<ParamType, string>> = {
  string: 'string',
  int: 'int',
  float64: 'float64',
  bool: 'bool',
  any: 'interface {}',
  time: 'time.Time',
  map: 'map[string]interface {}',
  value: 'reflect.Value',
}

/** What a function may use of the execution that calls it. */
export interface CallContext {
  /** The line of the entry. */
  line(): string
  /** The time of the entry. */
  timestampNs(): bigint
  nowNs(): bigint
  /** Compiles a regular expression, cached. */
  regex(pattern: string): CompiledRegex
}

type Code = (args: readonly Value[], context: CallContext) => Value

/** A function that templates may call. */
export interface TemplateFunction {
  readonly params: readonly ParamType[]
  /** Type of all further arguments. */
  readonly rest: ParamType | undefined
  /** Why templates may not use the function. It exists only to report that. */
  readonly refusal?: string
  readonly call: Code
}

/** Functions by name. */
export type FunctionTable = Readonly<Record<string, TemplateFunction>>

type ArgsOf<P extends readonly ParamType[]> = { [K in keyof P]: ParamValues[P[K] & ParamType] }

/**
 * Defines a function with a fixed number of parameters. FunctionError, SyntaxError and RangeError thrown by
 * the code become errors of the template.
 */
export function fn<const P extends readonly ParamType[]>(
  params: P,
  call: (...args: [...ArgsOf<P>, CallContext]) => Value,
): TemplateFunction {
  const code = call as (...args: unknown[]) => Value
  return { params, rest: undefined, call: (args, context) => code(...args, context) }
}

/** Defines a function with any number of arguments after the fixed ones, passed as one array. */
export function variadic<const P extends readonly ParamType[], R extends ParamType>(
  params: P,
  rest: R,
  call: (...args: [...ArgsOf<P>, ParamValues[R][], CallContext]) => Value,
): TemplateFunction {
  const code = call as (...args: unknown[]) => Value
  const count = params.length
  return {
    params,
    rest,
    call: (args, context) => code(...args.slice(0, count), args.slice(count), context),
  }
}
