// The kinds of stages. To add one, add a file under stages/ and a row here.

import {
  type Kinds,
  loadKinds,
  nearestName,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import type { StageDefinition, StageFactory, StageReading } from './stage.ts'

const stageKinds: Kinds<StageDefinition> = {
  container: async () => (await import('./stages/container.ts')).containerStage,
  cri: async () => (await import('./stages/cri.ts')).criStage,
  decolorize: async () => (await import('./stages/decolorize.ts')).decolorizeStage,
  docker: async () => (await import('./stages/docker.ts')).dockerStage,
  drop: async () => (await import('./stages/drop.ts')).dropStage,
  eventlogmessage: async () => (await import('./stages/eventlogmessage.ts')).eventLogMessageStage,
  geoip: async () => (await import('./stages/geoip.ts')).geoipStage,
  json: async () => (await import('./stages/json.ts')).jsonStage,
  labelallow: async () => (await import('./stages/labels.ts')).labelAllowStage,
  labeldrop: async () => (await import('./stages/labels.ts')).labelDropStage,
  labels: async () => (await import('./stages/labels.ts')).labelsStage,
  limit: async () => (await import('./stages/limit.ts')).limitStage,
  logfmt: async () => (await import('./stages/logfmt.ts')).logfmtStage,
  match: async () => (await import('./stages/match.ts')).matchStage,
  metrics: async () => (await import('./stages/metrics.ts')).metricsStage,
  multiline: async () => (await import('./stages/multiline.ts')).multilineStage,
  non_indexed_labels: async () =>
    (await import('./stages/structured-metadata.ts')).nonIndexedLabelsStage,
  output: async () => (await import('./stages/output.ts')).outputStage,
  pack: async () => (await import('./stages/pack.ts')).packStage,
  regex: async () => (await import('./stages/regex.ts')).regexStage,
  replace: async () => (await import('./stages/replace.ts')).replaceStage,
  sampling: async () => (await import('./stages/sampling.ts')).samplingStage,
  static_labels: async () => (await import('./stages/labels.ts')).staticLabelsStage,
  structured_metadata: async () =>
    (await import('./stages/structured-metadata.ts')).structuredMetadataStage,
  template: async () => (await import('./stages/template.ts')).templateStage,
  tenant: async () => (await import('./stages/tenant.ts')).tenantStage,
  timestamp: async () => (await import('./stages/timestamp.ts')).timestampStage,
}

/** Loads the stages named in lists of stages. Returns the reader of such a list. */
export async function loadStageReader(
  lists: readonly YamlCursor[],
  env: StageReading['env'],
): Promise<ValueReader<StageFactory[]>> {
  const names = lists.flatMap(list => stageNames(list.unjudged))
  const definitions = await loadKinds(stageKinds, names)
  const readStages: ValueReader<StageFactory[]> = cursor =>
    cursor.items().flatMap(item => readStage(item) ?? [])

  function readStage(item: YamlCursor): StageFactory | undefined {
    const [first, second] = item.isMap ? item.pairs() : []
    if (!first) {
      return item.fail(
        `A stage must be a map of one key such as "docker: {}", found ${item.describe()} in pipeline_stages`,
      )
    }
    if (second) {
      return second.value.failAtKey(
        `A pipeline stage must contain only one key, found ${first.key} and ${second.key}: start the second with "- "`,
      )
    }
    const definition = definitions.get(first.key)
    if (!definition) return first.value.failAtKey(unknownStage(first.key))
    const factory = definition.read(first.value, { readStages, env })
    return factory && inspectable(first.key, factory)
  }
  return readStages
}

/** Returns the names of the stages in a list, including nested ones. */
function stageNames(list: YamlCursor): string[] {
  return list.items().flatMap(stage =>
    stage.pairs().flatMap(({ key, value }) => {
      const inside = value.get('stages')
      return inside ? [key, ...stageNames(inside)] : [key]
    }),
  )
}

/** Makes a stage show what it does, if -inspect asks for it. */
function inspectable(name: string, create: StageFactory): StageFactory {
  return context => {
    const stage = create(context)
    return context.inspect ? context.inspect(name, stage) : stage
  }
}

function unknownStage(name: string): string {
  const names = Object.keys(stageKinds).sort()
  const near = nearestName(name, names)
  const hint = near ? `did you mean ${near}?` : `it must be one of ${names.join(', ')}`
  return `Unknown stage type ${name}: ${hint}`
}
