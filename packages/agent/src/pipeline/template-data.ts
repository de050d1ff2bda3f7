// Templates of the template and replace stages: their functions, and what they may read of an entry.

import { createRequire } from 'node:module'
import type { Template } from '@skald/query'
import type { PipelineEntry } from './entry.ts'
import { valueText } from './values.ts'

// Loaded when a configuration has a template: modules are most of what an idle agent takes.
const load = createRequire(import.meta.url)

/**
 * Compiles a template with Promtail's functions.
 *
 * @throws TemplateSyntaxError
 */
export function compileStageTemplate(text: string): Template {
  const { promtailFunctions } = load(
    '@skald/query/promtail-functions',
  ) as typeof import('@skald/query/promtail-functions')
  const { parseTemplate } = load('@skald/query/template') as typeof import('@skald/query/template')
  return parseTemplate(text, {
    functions: promtailFunctions,
    name: 'pipeline_template',
    missingField: 'no-value',
    keepsLooseBytes: true,
  })
}

/**
 * Runs a template over the extracted values as texts, with `.Value` and `.Entry`; `undefined` when it
 * fails.
 */
export function executeStageTemplate(
  template: Template,
  entry: PipelineEntry,
  value: string | undefined,
): string | undefined {
  const { extracted } = entry
  const get = (name: string): string | undefined => {
    if (name === 'Value' && value !== undefined) return value
    if (name === 'Entry') return entry.line
    return valueText(extracted.get(name))
  }
  try {
    return template.execute({
      get,
      *entries() {
        for (const name of new Set([...extracted.keys(), 'Value', 'Entry'])) {
          const text = get(name)
          if (text !== undefined) yield [name, text] as const
        }
      },
    })
  } catch {
    // A function that fails on this line's values changes nothing.
    return undefined
  }
}
