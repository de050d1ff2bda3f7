// The stages of LogQL. To add one, add its file and a row here.

import { decolorizeStage } from './decolorize.ts'
import type { StageDefinition } from './definition.ts'
import { dropStage } from './drop.ts'
import { jsonStage } from './json.ts'
import { keepStage } from './keep.ts'
import { labelFilterStage } from './label-filter.ts'
import { labelFormatStage } from './label-format.ts'
import { lineFilterStage } from './line-filter.ts'
import { lineFormatStage } from './line-format.ts'
import { logfmtStage } from './logfmt.ts'
import { patternStage } from './pattern.ts'
import { regexpStage } from './regexp.ts'
import { unpackStage } from './unpack.ts'

const rows = [
  lineFilterStage,
  labelFilterStage,
  jsonStage,
  logfmtStage,
  regexpStage,
  patternStage,
  unpackStage,
  lineFormatStage,
  labelFormatStage,
  decolorizeStage,
  dropStage,
  keepStage,
] as const

type DataOf<Definition> = Definition extends StageDefinition<infer S> ? S : never

/** Any stage, as data. */
export type Stage = DataOf<(typeof rows)[number]>

/** The definitions of all stages. */
export const stageDefinitions = rows as readonly StageDefinition<Stage>[]

const byKind = new Map(stageDefinitions.map(definition => [definition.kind, definition]))
const byToken = new Map(
  stageDefinitions.flatMap(definition =>
    definition.begins.map(type => [type, definition] as const),
  ),
)

/** Returns the definition of a stage. */
export function definitionOf(stage: Stage): StageDefinition<Stage> {
  return byKind.get(stage.kind)!
}

/** Returns true if a stage may change the text of the line. */
export function changesLine(stage: Stage): boolean {
  return definitionOf(stage).changesLine ?? false
}

/** Returns the stage that begins with this token type, or `undefined`. */
export function stageAt(type: string): StageDefinition<Stage> | undefined {
  return byToken.get(type)
}
