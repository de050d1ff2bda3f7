// Runs one stage on one line, for tests.

import { createLabelSet } from '@skald/wire'
import { createLabelMap } from '../../src/pipeline/labels.ts'
import { Line } from '../../src/pipeline/line.ts'
import type { RunStage } from '../../src/pipeline/stage.ts'

/** Makes a line with stream labels and metadata. */
export function lineOf(
  text: string,
  stream: Readonly<Record<string, string>> = {},
  metadata: Readonly<Record<string, string>> = {},
): Line {
  const line = new Line()
  line.text = text
  line.labels.reset(
    createLabelMap(createLabelSet(stream)),
    createLabelMap(createLabelSet(metadata)),
  )
  return line
}

/** Labels of a line after a stage, errors among them. */
export function labelsAfter(run: RunStage, line: Line): Record<string, string> {
  run(line)
  return Object.fromEntries(line.labels.toLabelSet().map(({ name, value }) => [name, value]))
}
