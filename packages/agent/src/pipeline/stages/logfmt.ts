// The logfmt stage: extracts values from `key=value key="quoted value"`. A malformed pair ends the parsing;
// earlier pairs stay.

import { readStrictTextMap } from '@skald/config-reading'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'
import { readSource } from './regex.ts'

export const logfmtStage: StageDefinition = {
  read(body) {
    const { mapping, source } = body.record({ mapping: readStrictTextMap, source: readSource })
    if (!mapping || mapping.size === 0) {
      return body.has('mapping') && !body.get('mapping')?.isMap
        ? undefined
        : body.failAtKey('The logfmt stage needs a mapping of names to keys')
    }
    const namesByKey = new Map([...mapping].map(([name, key]) => [key === '' ? name : key, name]))
    return () => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        if (text !== undefined) {
          for (const [key, value] of logfmtPairs(text)) {
            const name = namesByKey.get(key)
            if (name !== undefined) entry.extracted.set(name, value)
          }
        }
        next(entry)
      },
    })
  },
}

/** Yields pairs like go-logfmt, up to the first malformed one. */
export function* logfmtPairs(text: string): Iterable<readonly [key: string, value: string]> {
  // A key ends at a space, `=` or a quote. Only the first two may follow it.
  const pair = /[\0-\x20]*([^\0-\x20="]+)(?:=(?:("(?:[^"\\]|\\[\s\S])*")|([^\0-\x20="]*)))?/y
  while (pair.lastIndex < text.length) {
    const from = pair.lastIndex
    const match = pair.exec(text)
    if (!match) return
    const [, key = '', quoted, plain] = match
    const after = text[pair.lastIndex]
    const endsPair = after === undefined || after <= ' ' || quoted !== undefined
    // Only values may contain bytes that are not UTF-8. A key with their replacement character is invalid.
    const isKey = !key.includes('\ufffd') && key.isWellFormed()
    if (!endsPair || pair.lastIndex === from || !isKey) return
    if (quoted === undefined) yield [key, plain ?? '']
    else {
      const value = unquote(quoted)
      if (value === undefined) return
      yield [key, value]
    }
  }
}

/**
 * Reads a JSON string like go-logfmt, which replaces invalid UTF-8 only after an escape. Returns
 * `undefined` for an invalid string.
 */
function unquote(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    const controls: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }
    // Raw control characters and `\'` are allowed here, unlike in JSON.
    const json = quoted
      .replace(/[\n\t\r]/g, char => controls[char]!)
      .replace(/\\([\s\S])/g, (all, char: string) => (char === "'" ? "'" : all))
    return (JSON.parse(json) as string).toWellFormed()
  } catch {
    // An invalid escape makes the pair malformed.
    return undefined
  }
}
