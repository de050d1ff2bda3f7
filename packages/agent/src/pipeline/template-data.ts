// Templates of the template and replace stages: their functions, and the data they can read from an entry.

import {
  createEnvironmentFunctions,
  promtailFunctions,
} from '@skald/go-dialect/template/promtail-functions'
import { parseTemplate, type Template } from '@skald/go-dialect/template/template'
import type { PipelineEntry } from './entry.ts'
import type { StageReading } from './stage.ts'
import { valueText } from './values.ts'

/**
 * Compiles a template with Promtail's functions, some of which read the environment.
 *
 * @throws TemplateSyntaxError
 */
export function compileStageTemplate(text: string, env: StageReading['env']): Template {
  return parseTemplate(text, {
    functions: { ...promtailFunctions, ...createEnvironmentFunctions(env) },
    name: 'pipeline_template',
    missingField: 'no-value',
    keepsLooseBytes: true,
  })
}

/**
 * Runs a template on the extracted values as text, with `.Value` and `.Entry`. Returns `undefined` if it
 * fails.
 */
export function executeStageTemplate(
  template: Template,
  entry: PipelineEntry,
  value: string | undefined,
): string | undefined {
  return execute(template, entry, { value, knowsEntry: true })
}

/** Runs a template of the replace stage, which has no `.Entry`. Returns `undefined` if it fails. */
export function executeReplaceTemplate(
  template: Template,
  entry: PipelineEntry,
  captured: string,
): string | undefined {
  return execute(template, entry, { value: captured, knowsEntry: false })
}

function execute(
  template: Template,
  entry: PipelineEntry,
  { value, knowsEntry }: { readonly value: string | undefined; readonly knowsEntry: boolean },
): string | undefined {
  const { extracted } = entry
  const get = (name: string): string | undefined => {
    if (name === 'Value' && value !== undefined) return value
    if (name === 'Entry' && knowsEntry) return entry.line
    return valueText(extracted.get(name))
  }
  try {
    return template.execute({
      get,
      nowNs: () => BigInt(Date.now()) * 1_000_000n,
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
