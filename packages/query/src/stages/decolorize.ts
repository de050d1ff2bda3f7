// `| decolorize`: takes ANSI escape sequences (colours, cursor, titles) out of the line.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import type { RunStage } from '../pipeline/stage.ts'
import type { StageDefinition } from './definition.ts'

// The expression of the stripansi package, which knows CSI and OSC sequences.
const ansi =
  '[\\x{1b}\\x{9b}][[\\]()#;?]*(?:(?:(?:[a-zA-Z\\d]*(?:;[a-zA-Z\\d]*)*)?\\x07)|' +
  '(?:(?:\\d{1,4}(?:;\\d{0,4})*)?[\\dA-PRZcf-ntqry=><~]))'

function compileDecolorize(): RunStage {
  const regex = compileRegex(ansi)
  return line => {
    const { text } = line
    if (text.includes('\u001b') || text.includes('\u009b')) line.text = regex.replaceAll(text, '')
    return true
  }
}

/** `| decolorize` */
export interface DecolorizeStage {
  readonly kind: 'decolorize'
}

export const decolorizeStage: StageDefinition<DecolorizeStage> = {
  kind: 'decolorize',
  begins: ['decolorize'],
  parse(reader) {
    reader.take()
    return { kind: 'decolorize' }
  },
  format: () => '| decolorize',
  compile: compileDecolorize,
  changesLine: true,
}
