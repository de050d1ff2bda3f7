// The functions of LogQL's line_format and label_format. To add one, add a row here or in functions/, and a
// test.

import { parseLogqlBytes } from '../number/byte-size.ts'
import { type FunctionTable, fn } from './function.ts'
import { defaultFunctions } from './functions/default.ts'
import { encodingFunctions, queryEncodingFunctions } from './functions/encoding.ts'
import { jsonFunctions } from './functions/json.ts'
import { numberFunctions, queryNumberFunctions } from './functions/number.ts'
import { queryRegexFunctions, regexFunctions } from './functions/regex.ts'
import { goTextFunctions, textFunctions } from './functions/text.ts'
import { queryTimeFunctions, timeFunctions } from './functions/time.ts'
import { checkTextLength } from './print.ts'
import { GoTime } from './values.ts'

export const logqlFunctions: FunctionTable = {
  ...textFunctions,
  ...goTextFunctions,
  ...numberFunctions,
  ...queryNumberFunctions,
  ...timeFunctions,
  ...queryTimeFunctions,
  ...regexFunctions,
  ...queryRegexFunctions,
  ...encodingFunctions,
  ...queryEncodingFunctions,
  ...jsonFunctions,
  ...defaultFunctions,
  __line__: fn([], context => context.line()),
  __timestamp__: fn([], context => new GoTime(context.timestampNs())),
  bytes: fn(['string'], text => parseLogqlBytes(text)),
  alignLeft: fn(['int', 'string'], (width, text) => align(text, width, 'left')),
  alignRight: fn(['int', 'string'], (width, text) => align(text, width, 'right')),
}

/** Pads or cuts a text to a number of characters. Right-aligned text keeps its end. */
function align(text: string, width: number, side: 'left' | 'right'): string {
  const characters = [...text]
  const missing = width - characters.length
  if (width < 0 || missing === 0) return text
  if (missing < 0) {
    return (side === 'left' ? characters.slice(0, width) : characters.slice(-missing)).join('')
  }
  checkTextLength(width)
  const spaces = ' '.repeat(missing)
  return side === 'left' ? text + spaces : spaces + text
}
