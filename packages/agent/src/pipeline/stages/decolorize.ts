// The decolorize stage: takes ANSI escape sequences (colours, cursor, titles) out of the line. Its body
// is ignored, as Promtail has it.

import type { StageDefinition } from '../stage.ts'

// The expression of the stripansi package, which knows CSI and OSC sequences.
const ansi =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
  /[\u001b\u009b][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[a-zA-Z\d]*)*)?\u0007)|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PRZcf-ntqry=><~]))/g

export const decolorizeStage: StageDefinition = {
  read: () => () => ({
    run(entry, next) {
      const { line } = entry
      if (line.includes('\u001b') || line.includes('\u009b')) entry.line = line.replace(ansi, '')
      next(entry)
    },
  }),
}
