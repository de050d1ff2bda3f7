// The labels that templates look at.

import { templateFieldsOf } from '../pipeline/logql-template.ts'

/** Adds the labels that a template may read; returns false if it may read any. */
export function addTemplateNeeds(
  names: Set<string>,
  template: string,
  kind: 'line' | 'label',
): boolean {
  const fields = templateFieldsOf(template, kind)
  if (!fields) return false
  for (const name of fields) names.add(name)
  return true
}
