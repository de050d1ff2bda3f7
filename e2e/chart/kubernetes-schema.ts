// Checks an object like an API server that rejects unknown fields: types, required fields, formats
// and field names. The schemas in fixtures/kubernetes-schema.json come from Kubernetes' OpenAPI
// document and the operators' custom resources, only for the kinds that the chart renders. The file
// names their versions.

import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject } from 'ajv'
import type { KubernetesObject } from './helm.ts'

interface SchemaFile {
  /** Names of schemas by version and kind, such as `apps/v1 Deployment`. */
  readonly kinds: Readonly<Record<string, string>>
  readonly $defs: Readonly<Record<string, object>>
}

const { kinds, $defs } = JSON.parse(
  readFileSync(new URL('fixtures/kubernetes-schema.json', import.meta.url), 'utf8'),
) as SchemaFile

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  formats: {
    byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'date-time': text => !Number.isNaN(Date.parse(text)),
    duration: true,
    ...{ int32: true, int64: true, double: true },
  },
}).addSchema({ $id: 'kubernetes', $defs })

/**
 * Returns what an API server would reject, each with its path; empty if it would accept the object.
 */
export function schemaProblems(object: KubernetesObject): string[] {
  const kind = `${object.apiVersion} ${object.kind}`
  const name = kinds[kind]
  if (name === undefined) return [`no schema of ${kind}`]
  const isValid = ajv.getSchema(`kubernetes#/$defs/${name}`)!
  isValid(object)
  return (isValid.errors ?? []).map(describe)
}

function describe({ instancePath, message, keyword, params }: ErrorObject): string {
  if (keyword !== 'additionalProperties') return `${instancePath}: ${message}`
  return `${instancePath}/${params.additionalProperty}: unknown field`
}
