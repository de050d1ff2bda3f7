// `| decolorize`: takes ANSI escape sequences (colours, cursor, titles) out of the line.

import type { RunStage } from './stage.ts'

// The expression of the stripansi package, which knows CSI and OSC sequences.
const ansi =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
  /[\u001b\u009b][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[a-zA-Z\d]*)*)?\u0007)|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PRZcf-ntqry=><~]))/g

export function compileDecolorize(): RunStage {
  return line => {
    if (line.text.includes('\u001b') || line.text.includes('\u009b')) {
      line.text = line.text.replace(ansi, '')
    }
    return true
  }
}
