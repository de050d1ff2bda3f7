// The templates in labels and annotations of alerting rules, in Prometheus' language.

import { FunctionError } from '@skald/go-dialect/errors'
import { prometheusFunctions } from '@skald/go-dialect/template/prometheus-functions'
import type { TemplateData } from '@skald/go-dialect/template/run'
import { parseTemplate, type Template } from '@skald/go-dialect/template/template'
import { GoList, GoMap, type Value } from '@skald/go-dialect/template/values'
import type { LabelSet } from '@skald/wire'
import { templateQueriesMax } from '../limits.ts'

/** The short names that every template has. */
const head =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}'

/** A sample as templates see it. */
export interface TemplateSample {
  readonly labels: LabelSet
  readonly value: number
}

/** What a template is filled with. */
export interface RuleTemplateData extends TemplateSample {
  readonly externalLabels: ReadonlyMap<string, string>
  readonly externalUrl: string
  readonly nowNs: bigint
  /** Runs a query of the template, at the time of the evaluation. */
  readonly query: (logql: string) => Promise<readonly TemplateSample[]>
}

/** @throws TemplateSyntaxError with Go's text. */
export function parseRuleTemplate(rule: string, text: string): Template {
  return parseTemplate(head + text, {
    name: `__alert_${rule}`,
    functions: prometheusFunctions,
    missingField: 'empty',
  })
}

/** A template that knows whether it has anything to fill in. */
export class RuleTemplate {
  readonly #template: Template | undefined
  readonly #name: string
  readonly #text: string

  /** @throws TemplateSyntaxError */
  constructor(rule: string, text: string) {
    this.#name = `__alert_${rule}`
    this.#text = text
    this.#template = text.includes('{{') ? parseRuleTemplate(rule, text) : undefined
  }

  /**
   * Fills the template. A mistake becomes the text, as in Prometheus, because an alert with a bad description is better
   * than none.
   */
  async expand(data: RuleTemplateData): Promise<string> {
    if (!this.#template) return this.#text
    const answers = new Map<string, Value>()
    try {
      for (let runs = 0; ; runs++) {
        const asked = { text: undefined as string | undefined }
        try {
          return this.#template.execute(dataOf(data, answers, asked))
        } catch (error) {
          // Templates cannot wait: the query runs, and the template begins again with its answer.
          if (asked.text === undefined || runs >= templateQueriesMax) throw error
          answers.set(asked.text, samplesOf(await data.query(asked.text)))
        }
      }
    } catch (error) {
      const why = `error executing template ${this.#name}: ${(error as Error).message}`
      return `<error expanding template: ${why}>`
    }
  }
}

function dataOf(
  data: RuleTemplateData,
  answers: ReadonlyMap<string, Value>,
  asked: { text: string | undefined },
): TemplateData {
  const fields: ReadonlyMap<string, Value> = new Map<string, Value>([
    ['Labels', mapOf(data.labels.map(({ name, value }) => [name, value]))],
    ['ExternalLabels', mapOf(data.externalLabels)],
    ['ExternalURL', data.externalUrl],
    ['Value', data.value],
  ])
  return {
    get(name) {
      const value = fields.get(name)
      if (value === undefined)
        throw new FunctionError(`can't evaluate field ${name} in the data of an alert`)
      return value
    },
    entries: () => fields,
    nowNs: () => data.nowNs,
    externalUrl: () => data.externalUrl,
    query(text) {
      const known = answers.get(text)
      if (known !== undefined) return known
      asked.text = text
      throw new FunctionError(`more than ${templateQueriesMax} queries in one template`)
    },
  }
}

function mapOf(pairs: Iterable<readonly [string, string]>): GoMap {
  return new GoMap(new Map<string, Value>(pairs), 'string')
}

function samplesOf(samples: readonly TemplateSample[]): GoList {
  const items = samples.map(({ labels, value }) => {
    const pairs = labels.map(label => [label.name, label.value] as const)
    return new GoMap(
      new Map<string, Value>([
        ['Labels', mapOf(pairs)],
        ['Value', value],
      ]),
    )
  })
  return new GoList(items)
}
