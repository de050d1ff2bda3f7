// Parses JSON documents of other protocols. Numbers that would lose digits as a double keep their source text.

import { documentNestingMax } from '../../limits.ts'

/** A value of a document. Numbers that a double cannot hold exactly are objects of `JSON.rawJSON`. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** An object of a document. */
export interface JsonObject {
  readonly [name: string]: Json
}

interface RawJson {
  readonly rawJSON: string
}

/** TypeScript's library has no types for these yet. */
const exact = JSON as unknown as {
  readonly rawJSON: (source: string) => Json
  readonly isRawJSON: (value: unknown) => boolean
}

/**
 * A text that may have a number with more digits than a double has, a zero at its end, or an exponent. Numbers follow a
 * colon, a comma or a bracket; so may digits in a string, which only costs time.
 */
const riskyNumbers = /[:,[]\s*-?\d(?:[\d.]{15}|\d*\.\d*0(?!\d)|[\d.]*[eE])/

/** Parses one document. @throws SyntaxError when it is not JSON, or is nested too deeply. */
export function parseDocument(text: string): Json {
  if (!riskyNumbers.test(text)) return JSON.parse(text) as Json
  // With a function, the parser recurses.
  checkNesting(text)
  return JSON.parse(text, (_key, value: Json, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined
      ? exact.rawJSON(context.source)
      : value,
  ) as Json
}

function checkNesting(text: string): void {
  let depth = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === '{' || character === '[') {
      depth++
      if (depth > documentNestingMax) throw tooDeep()
    } else if (character === '}' || character === ']') depth--
  }
}

function tooDeep(): SyntaxError {
  return new SyntaxError(`it is nested more than ${documentNestingMax} levels deep`)
}

/** Returns true for an object with members. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !exact.isRawJSON(value)
  )
}

/**
 * Returns a value as text: strings unchanged, lists and objects as JSON, null as nothing.
 * @throws SyntaxError when it is nested too deeply.
 */
export function jsonText(value: Json | undefined): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (typeof value !== 'object') return String(value)
  if (exact.isRawJSON(value)) return (value as unknown as RawJson).rawJSON
  checkDepth(value, documentNestingMax)
  return JSON.stringify(value)
}

/** Before `JSON.stringify`, which recurses. */
function checkDepth(value: Json, levelsLeft: number): void {
  if (typeof value !== 'object' || value === null || exact.isRawJSON(value)) return
  if (levelsLeft === 0) throw tooDeep()
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    checkDepth(item, levelsLeft - 1)
  }
}
