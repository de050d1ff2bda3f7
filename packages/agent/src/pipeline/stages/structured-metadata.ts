// structured_metadata (formerly non_indexed_labels): attaches pairs to the line itself. They come from
// extracted values, or from labels, which the stream then loses.

import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'
import { readSourceMap } from './labels.ts'

function define(name: string): StageDefinition {
  return {
    read(body) {
      const sources = readSourceMap(body, { whatFor: `The ${name} stage`, labelNames: true })
      if (!sources) return undefined
      return () => ({
        run(entry, next) {
          for (const [pairName, source] of sources) {
            const text = valueText(entry.extracted.get(source)) ?? entry.labels.get(source)
            if (text?.isWellFormed()) {
              const others = entry.structuredMetadata.filter(pair => pair.name !== pairName)
              entry.structuredMetadata = [...others, { name: pairName, value: text }]
            }
            entry.labels = entry.labels.without(source)
          }
          next(entry)
        },
      })
    },
  }
}

export const structuredMetadataStage = define('structured_metadata')
export const nonIndexedLabelsStage = define('non_indexed_labels')
