// The kinds of stages. A new stage is a file under stages/ and a row here.

import type { YamlCursor } from '../config/yaml-cursor.ts'
import { InspectedStage } from '../inspect/stage-inspector.ts'
import type { StageDefinition, StageFactory } from './stage.ts'
import { containerStage } from './stages/container.ts'
import { criStage } from './stages/cri.ts'
import { decolorizeStage } from './stages/decolorize.ts'
import { dockerStage } from './stages/docker.ts'
import { dropStage } from './stages/drop.ts'
import { eventLogMessageStage } from './stages/eventlogmessage.ts'
import { geoipStage } from './stages/geoip.ts'
import { jsonStage } from './stages/json.ts'
import { labelAllowStage, labelDropStage, labelsStage, staticLabelsStage } from './stages/labels.ts'
import { limitStage } from './stages/limit.ts'
import { logfmtStage } from './stages/logfmt.ts'
import { createMatchStage } from './stages/match.ts'
import { metricsStage } from './stages/metrics.ts'
import { multilineStage } from './stages/multiline.ts'
import { outputStage } from './stages/output.ts'
import { packStage } from './stages/pack.ts'
import { regexStage } from './stages/regex.ts'
import { replaceStage } from './stages/replace.ts'
import { samplingStage } from './stages/sampling.ts'
import { nonIndexedLabelsStage, structuredMetadataStage } from './stages/structured-metadata.ts'
import { templateStage } from './stages/template.ts'
import { tenantStage } from './stages/tenant.ts'
import { timestampStage } from './stages/timestamp.ts'

const stageDefinitions: readonly StageDefinition[] = [
  containerStage,
  criStage,
  decolorizeStage,
  dockerStage,
  dropStage,
  eventLogMessageStage,
  geoipStage,
  jsonStage,
  labelAllowStage,
  labelDropStage,
  labelsStage,
  limitStage,
  logfmtStage,
  createMatchStage(cursor => readStages(cursor)),
  metricsStage,
  multilineStage,
  nonIndexedLabelsStage,
  outputStage,
  packStage,
  regexStage,
  replaceStage,
  samplingStage,
  staticLabelsStage,
  structuredMetadataStage,
  templateStage,
  tenantStage,
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
      else if (factory) factories.push(inspectable(first.key, factory))
    }
  }
  return factories
}

/** Lets people see what the stage does, where they want to. */
function inspectable(name: string, create: StageFactory): StageFactory {
  return context => {
    const stage = create(context)
    return context.inspector ? new InspectedStage(name, stage, context.inspector) : stage
  }
}

function unknownStage(name: string): string {
  return `Unknown stage type ${name}: it must be one of ${[...byName.keys()].sort().join(', ')}`
}
