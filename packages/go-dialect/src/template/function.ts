// What a function of a template is: the types of its parameters and the code. The types decide which
// constants and values Go takes as arguments, and with which error it refuses others.

import type { CompiledRegex } from '../regex/regex.ts'
import type { GoMap, GoTime, Value } from './values.ts'

/** What the parameters of each type are for the code of a function. */
export interface ParamValues {
  readonly string: string
  /** Go's `int`, exact up to 2^53. */
  readonly int: number
  readonly float64: number
  readonly bool: boolean
  /** A missing value comes as `null`. */
  readonly any: Value
  readonly time: GoTime
  readonly map: GoMap
  /** Like `any`, but a missing value comes as `undefined`. */
  readonly value: Value
}

export type ParamType = keyof ParamValues

/** Go's names of the types, for errors. */
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

/** What a function may ask of the execution that calls it. */
export interface CallContext {
  /** The line of the entry. */
  line(): string
  /** The time of the entry. */
  timestampNs(): bigint
  nowNs(): bigint
  /** Compiles a regular expression, or gives the one compiled before. */
  regex(pattern: string): CompiledRegex
}

type Code = (args: readonly Value[], context: CallContext) => Value

/** A function that templates may call. */
export interface TemplateFunction {
  readonly params: readonly ParamType[]
  /** Type of any number of further arguments. */
  readonly rest: ParamType | undefined
  /** Why no template may use the function; known by name only to say so. */
  readonly refusal?: string
  readonly call: Code
}

/** Functions by name. */
export type FunctionTable = Readonly<Record<string, TemplateFunction>>

type ArgsOf<P extends readonly ParamType[]> = { [K in keyof P]: ParamValues[P[K] & ParamType] }

/**
 * Describes a function with a fixed number of parameters.
 *
 * @throws FunctionError, SyntaxError or RangeError from the code become errors of the template.
 */
export function fn<const P extends readonly ParamType[]>(
  params: P,
  call: (...args: [...ArgsOf<P>, CallContext]) => Value,
): TemplateFunction {
  const code = call as (...args: unknown[]) => Value
  return { params, rest: undefined, call: (args, context) => code(...args, context) }
}

/** Describes a function that takes any number of arguments behind the fixed ones, as one array. */
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
