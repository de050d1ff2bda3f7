// The kinds of stages. A new stage is a file under stages/ and a row here.

import type { YamlCursor } from '../config/yaml-cursor.ts'
import type { StageDefinition, StageFactory } from './stage.ts'
import { containerStage } from './stages/container.ts'
import { criStage } from './stages/cri.ts'
import { dockerStage } from './stages/docker.ts'
import { jsonStage } from './stages/json.ts'
import {
  labelAllowStage,
  labelDropStage,
  labelsStage,
  staticLabelsStage,
} from './stages/labels.ts'
import { outputStage } from './stages/output.ts'
import { regexStage } from './stages/regex.ts'
import { timestampStage } from './stages/timestamp.ts'

const stageDefinitions: readonly StageDefinition[] = [
  containerStage,
  criStage,
  dockerStage,
  jsonStage,
  labelAllowStage,
  labelDropStage,
  labelsStage,
  outputStage,
  regexStage,
  staticLabelsStage,
  timestampStage,
]

const byName = new Map(stageDefinitions.map(definition => [definition.name, definition]))

/** Reads a list of stages, each a map of one key. */
export function readStages(cursor: YamlCursor): StageFactory[] {
  const factories: StageFactory[] = []
  for (const item of cursor.items()) {
    const pairs = item.isMap ? item.pairs() : []
    const [first, second] = pairs
    if (!first) {
      item.fail(
        `A stage must be a map of one key such as "docker: {}", found ${item.describe()} in pipeline_stages`,
      )
    } else if (second) {
      second.value.failAtKey(
        `A pipeline stage must contain only one key, found ${first.key} and ${second.key}: begin the second with "- "`,
      )
    } else {
      const definition = byName.get(first.key)
      const factory = definition?.read(first.value)
      if (!definition) first.value.failAtKey(unknownStage(first.key))
      else if (factory) factories.push(factory)
    }
  }
  return factories
}

function unknownStage(name: string): string {
  return `Unknown stage type ${name}: it must be one of ${[...byName.keys()].sort().join(', ')}`
}
