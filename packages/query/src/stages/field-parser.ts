// Runs the first parser of a pipeline on the bytes of stored lines (fields/), if the query needs only some labels.
// Other lines, and those that only the parser itself can read, go through its stage.

import type { FieldReader } from '../fields/field-reader.ts'
import type { LabelMap } from '../pipeline/labels.ts'
import type { Line } from '../pipeline/line.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'

/** What a parser needs to read fields. */
export interface FieldParserParts {
  /** The stage for all other lines. */
  readonly run: RunStage
  readonly reader: FieldReader
  /** The labels that it sets, in the order of the reader. */
  readonly names: readonly string[]
}

/** Returns the labels to read, or `undefined` if the stage has to run. */
export function fieldNamesOf({ names }: LabelNeeds): readonly string[] | undefined {
  if (!names || names.size === 0) return undefined
  const all = [...names]
  // Errors, and names that parsers invent.
  return all.some(name => name.startsWith('__') || name.endsWith('_extracted')) ? undefined : all
}

/** Creates the stage. */
export function createFieldParser({ run, reader, names }: FieldParserParts): RunStage {
  // Labels of streams and metadata are the same objects for many lines.
  let stream: LabelMap | undefined
  let metadata: LabelMap | undefined
  let isFree = false
  return (line: Line) => {
    const { labels, block } = line
    if (!block || !labels.isUntouched) return run(line)
    if (labels.streamMap !== stream || labels.metadataMap !== metadata) {
      stream = labels.streamMap
      metadata = labels.metadataMap
      isFree = !names.some(name => labels.isStreamLabel(name) || labels.isMetadata(name))
    }
    if (!isFree || !reader.read(block, line.row)) return run(line)
    const { texts } = reader.values
    for (let i = 0; i < names.length; i++) {
      const text = texts[i]
      if (text !== undefined) labels.set(names[i]!, text)
    }
    return true
  }
}
