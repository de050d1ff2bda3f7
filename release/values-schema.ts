// Generates the schema of the chart's values from charts/skald/values.yaml. The file gives keys and
// types; the tables below add what a default alone cannot express. Helm rejects values that do not
// match.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { clientKeys } from '@skald/agent'
import { blockSchemas } from '@skald/store'
import { parse } from 'yaml'

/** Directory of the chart. */
export const chartDir = fileURLToPath(new URL('../charts/skald', import.meta.url))

type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const optionalText = { type: ['string', 'null'] }
const port = { type: 'integer', minimum: 1, maximum: 65535 }
const percent = { type: 'integer', minimum: 1, maximum: 90 }
const texts = { type: 'array', items: text }
const objects = { type: 'array', items: { type: 'object' } }
/** Labels and similar values, which YAML reads as numbers and booleans unless they are quoted. */
const textMap = { type: 'object', additionalProperties: text }
/** A name or a value that YAML may have read as a number. */
const tag = { type: ['string', 'number'] }
const pullPolicy = { enum: ['Always', 'IfNotPresent', 'Never'] }
const serviceType = { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] }
const variables = {
  type: 'array',
  items: { type: 'object', properties: { name: text, value: text }, required: ['name'] },
}
const resources = {
  type: 'object',
  properties: {
    requests: { type: 'object' },
    limits: { type: 'object' },
    claims: { type: 'array' },
  },
  additionalProperties: false,
}
const client = {
  type: 'object',
  properties: {
    ...Object.fromEntries(clientKeys.map(key => [key, {}])),
    url: text,
    tenant_id: tag,
    external_labels: { type: 'object' },
  },
  required: ['url'],
  additionalProperties: false,
}
const stages = {
  type: 'array',
  items: { type: 'object', minProperties: 1, maxProperties: 1 },
}
const ingressHosts = {
  type: 'array',
  items: {
    type: 'object',
    properties: { host: text, paths: texts },
    required: ['host'],
    additionalProperties: false,
  },
}
const extraPort = {
  type: 'object',
  properties: {
    name: text,
    containerPort: port,
    protocol: { enum: ['TCP', 'UDP'] },
    labels: textMap,
    annotations: textMap,
    service: { type: 'object' },
    ingress: { type: 'object' },
  },
  required: ['containerPort'],
  additionalProperties: false,
}

/** Schemas for a key wherever it occurs. The first one that matches the path wins. */
const byPath: readonly (readonly [RegExp, Schema])[] = [
  [/\.image\.tag$|^image\.tag$/, tag],
  [/(^|\.)pullPolicy$/, pullPolicy],
  [/(^|\.)(imagePullSecrets|pullSecrets)$/, { type: 'array' }],
  [/\.service\.type$/, serviceType],
  [/\.service\.(port|nodePort)$/, { ...port, type: ['integer', 'null'] }],
  [/\.service\.targetPort$/, { type: ['string', 'integer'] }],
  [/\.service\.aliases$/, texts],
  [/\.(serverPort|k8sApi\.port)$/, { ...port, type: ['integer', 'null'] }],
  [/\.k8sApi\.ports$/, { type: 'array', items: port, minItems: 1 }],
  [/\.heapPercent$/, percent],
  [/\.replicas$/, { type: 'integer', minimum: 0 }],
  [/\.resources$/, resources],
  [/\.config\.clients$/, { type: 'array', items: client, minItems: 1 }],
  [/\.config\.logLevel$/, { enum: ['debug', 'info', 'warn', 'error'] }],
  [/\.config\.logFormat$/, { enum: ['logfmt', 'json'] }],
  [/\.snippets\.pipelineStages$/, stages],
  [/\.snippets\.(common|extraRelabelConfigs)$/, objects],
  [/\.ingress\.hosts$/, ingressHosts],
  [/\.extraPorts$/, { anyOf: [objects, { type: 'object', additionalProperties: extraPort }] }],
  [/\.podManagementPolicy$/, { enum: ['OrderedReady', 'Parallel'] }],
  [/\.whenUnsatisfiable$/, { enum: ['DoNotSchedule', 'ScheduleAnyway'] }],
  [/\.accessModes$/, { ...texts, minItems: 1 }],
  [/(^|\.)extraObjects$/, { type: 'array', items: { type: ['object', 'string'] } }],
  [
    /\.(tolerations|hostAliases|initContainers?|extraVolumes|extraVolumeMounts|extraEnvFrom|defaultVolumes|defaultVolumeMounts|rules|relabelings|metricRelabelings)$/,
    objects,
  ],
  [/ngress\.tls$/, objects],
  [/\.dnsNames$/, texts],
  [/\.(env|extraEnv)$/, variables],
  [/\.extraContainers$/, { type: ['array', 'object'] }],
  [/\.extraArgs$/, { type: ['array', 'object'] }],
  [/\.(podAnnotations|podLabels|annotations|labels|additionalLabels|nodeSelector)$/, textMap],
  [/\.(hostNetwork)$/, { type: ['boolean', 'null'] }],
  [/\.(revisionHistoryLimit|targetMemoryUtilizationPercentage)$/, { type: ['integer', 'null'] }],
  [/\.tlsConfig$/, { type: ['object', 'null'] }],
  [/\.jsonData$/, text],
]

/** Objects that may contain keys not listed here: Kubernetes' own, and blocks of other charts. */
const openPaths =
  /^(grafana|prometheus)(\.|$)|(^|\.)(securityContext|podSecurityContext|containerSecurityContext|startupProbe|readinessProbe|livenessProbe|updateStrategy|strategy|positions|fluent-bit|filebeat|logstash|image|sidecar|configReloader|issuerRef)$/

/** Objects that a key without a value may remove. Kubernetes' default applies then, or nothing. */
const removablePaths =
  /(resources|requests|limits|[sS]ecurityContext|Probe|[sS]trategy|podAnnotations|positions|topologySpreadConstraints)$/

/** Keys that templates cannot do without. */
const neededKeys =
  /^(enabled|create|url|file|scrapeConfigs|label|labelValue|clients|port|serverPort|http_listen_port|size|tag|adminUser)$/

/** Keys of other charts, with what to write here. Templates stop at them with that message. */
const movedKeys = parse(readFileSync(`${chartDir}/moved.yaml`, 'utf8')) as Record<string, string>

/** Generates the schema of the chart's values as JSON Schema draft 7. */
export function createValuesSchema(): Schema {
  const values = parse(readFileSync(`${chartDir}/values.yaml`, 'utf8')) as Record<string, unknown>
  const schema = schemaOf(values, '') as { properties: Record<string, Schema> }
  for (const [path, advice] of Object.entries(movedKeys)) allowKey(schema, path.split('.'), advice)
  const { loki, promtail, ...properties } = schema.properties
  // Two names for one block: `store` overrides `loki`, `agent` overrides `promtail`.
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart skald',
    type: 'object',
    properties: {
      ...properties,
      loki: { $ref: '#/definitions/store' },
      store: { $ref: '#/definitions/store' },
      promtail: { $ref: '#/definitions/agent' },
      agent: { $ref: '#/definitions/agent' },
    },
    additionalProperties: false,
    allOf: [requiredKeys(values, 0)],
    definitions: { store: loki, agent: promtail },
  }
}

/** Returns the schema in the form that is stored next to the values. */
export function formatValuesSchema(): string {
  return `${JSON.stringify(createValuesSchema(), null, 2)}\n`
}

/** Allows a key, so that a template can say where it belongs. */
function allowKey(schema: Schema, [name = '', ...rest]: readonly string[], advice: string): void {
  const properties = schema.properties as Record<string, Schema>
  if (rest.length > 0) allowKey(properties[name]!, rest, advice)
  else properties[name] = { description: advice }
}

/**
 * Returns the required keys. Helm removes keys that a values file sets to null, and most of them
 * are needed.
 */
function requiredKeys(value: object, depth: number): Schema {
  const required: string[] = []
  const properties: Record<string, Schema> = {}
  for (const [key, item] of Object.entries(value)) {
    if (neededKeys.test(key) && item !== null && item !== '') required.push(key)
    if (typeof item !== 'object' || item === null || Array.isArray(item)) continue
    if (removablePaths.test(key)) continue
    const isBlock = Object.keys(item).length > 0
    if (isBlock || depth === 0) required.push(key)
    if (isBlock) properties[key] = requiredKeys(item, depth + 1)
  }
  return { required, properties }
}

function schemaOf(value: unknown, path: string): Schema {
  if (path === 'loki.config') return storeConfig()
  const known = byPath.find(([pattern]) => pattern.test(path))
  if (known) return known[1]
  if (value === null) return optionalText
  if (Array.isArray(value)) return { type: 'array' }
  switch (typeof value) {
    case 'object': {
      const entries = Object.entries(value)
      if (entries.length === 0) return { type: 'object' }
      const properties = Object.fromEntries(
        entries.map(([key, item]) => [key, schemaOf(item, path === '' ? key : `${path}.${key}`)]),
      )
      const isOpen = openPaths.test(path)
      return { type: 'object', properties, ...(isOpen ? {} : { additionalProperties: false }) }
    }
    case 'string':
      return optionalText
    case 'number':
      return { type: 'integer' }
    default:
      return { type: typeof value }
  }
}

/** Returns the store's own schema with all keys optional. */
function storeConfig(): Schema {
  const { properties, ...rest } = withoutRequired(blockSchemas['']) as {
    properties: Record<string, Schema>
  }
  return { ...rest, properties: { existingSecret: optionalText, ...properties } }
}

/**
 * Removes the defaults, which are filled in later, and with them the requirements. Removes the words that JSON Schema
 * does not have.
 */
function withoutRequired(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutRequired)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).filter(([key, value]) => {
    if (['default', 'form', 'isUnfollowed'].includes(key)) return false
    // A list of actions is replaced as a whole, so its rules keep their requirements. Blocks are
    // merged with the chart's values.
    return key !== 'required' || !Array.isArray(value) || value.includes('action')
  })
  return Object.fromEntries(
    entries.map(([key, value]) => [key, key === 'enum' ? value : withoutRequired(value)]),
  )
}
