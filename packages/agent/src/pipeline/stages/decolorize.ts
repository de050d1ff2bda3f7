// The decolorize stage: removes ANSI escape sequences (colours, cursor, titles) from the line. Ignores its
// body, like Promtail.

import type { StageDefinition } from '../stage.ts'

// The expression of the stripansi package, which covers CSI and OSC sequences.
const ansi =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences contain them
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
