// The rule for names of tenants, with Loki's texts.

import { tenantNameBytesMax } from './limits.ts'

const allowedText = /^[A-Za-z0-9!\-_.*'()]+$/

/** Returns what is wrong with the name of a tenant, or `undefined` if it can be used. */
export function tenantNameProblem(name: string): string | undefined {
  if (name.length > tenantNameBytesMax) {
    return `tenant ID is too long: max ${tenantNameBytesMax} characters`
  }
  if (name === '.' || name === '..') return "tenant ID is '.' or '..'"
  if (allowedText.test(name)) return undefined
  const bad = [...name].find(char => !allowedText.test(char)) ?? ''
  return `tenant ID '${name}' contains unsupported character '${bad}'`
}
