// Fills templates in table tests, with the functions of the agent or of queries.

import type { Test } from 'tap'
import { logqlFunctions } from '../../src/template/logql-functions.ts'
import { promtailFunctions } from '../../src/template/promtail-functions.ts'
import type { TemplateData } from '../../src/template/run.ts'
import { parseTemplate } from '../../src/template/template.ts'

export type Fields = Readonly<Record<string, string>>

/** Returns the data of an entry at 2026-01-15T00:00:10.5Z with the line `the line`. */
export function dataOf(fields: Fields): TemplateData {
  return {
    get: name => (Object.hasOwn(fields, name) ? fields[name] : undefined),
    entries: () => Object.entries(fields),
    line: () => 'the line',
    timestampNs: () => 1768435210500000000n,
    nowNs: () => 1768435200000000000n,
  }
}

/** Fills a template like the agent. */
export function renderAgent(text: string, fields: Fields = {}): string {
  return parseTemplate(text, { name: 'line', functions: promtailFunctions }).execute(dataOf(fields))
}

/** Fills a template like a query. */
export function renderQuery(text: string, fields: Fields = {}): string {
  const options = { name: 'line', functions: logqlFunctions, missingField: 'empty' } as const
  return parseTemplate(text, options).execute(dataOf(fields))
}

/** Returns a function that checks the agent's result for a template. */
export function agentTable(t: Test, fields: Fields = {}) {
  return (text: string, want: string) => t.equal(renderAgent(text, fields), want, text)
}

/** Returns a function that checks a query's result for a template. */
export function queryTable(t: Test, fields: Fields = {}) {
  return (text: string, want: string) => t.equal(renderQuery(text, fields), want, text)
}

/** Returns a function that checks the error of a template. */
export function errorTable(t: Test, render: (text: string, fields?: Fields) => string) {
  return (text: string, message: string) => {
    t.throws(() => render(text, { name: 'ann' }), { message }, text)
  }
}
