// Checks an object as an API server does that is told to refuse what it does not know: types, required
// fields and formats by the validators of kubernetes-models, which are compiled from Kubernetes' OpenAPI
// document; names of fields by the models of the Kubernetes client, generated from the same, since those
// validators let unknown fields pass.

import * as client from '@kubernetes/client-node'
import * as autoscaler from '@kubernetes-models/autoscaler/autoscaling.k8s.io/v1'
import * as operator from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import * as apps from 'kubernetes-models/apps/v1'
import * as autoscaling from 'kubernetes-models/autoscaling/v2'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as policy from 'kubernetes-models/policy/v1'
import * as rbac from 'kubernetes-models/rbac.authorization.k8s.io/v1'
import * as scheduling from 'kubernetes-models/scheduling.k8s.io/v1'
import * as core from 'kubernetes-models/v1'
import type { KubernetesObject } from './helm.ts'

interface Model {
  validate(): void
}
type ModelClass = new (data: unknown) => Model

const groups: Readonly<Record<string, object>> = {
  v1: core,
  'apps/v1': apps,
  'autoscaling/v2': autoscaling,
  'networking.k8s.io/v1': networking,
  'policy/v1': policy,
  'rbac.authorization.k8s.io/v1': rbac,
  'scheduling.k8s.io/v1': scheduling,
  'monitoring.coreos.com/v1': operator,
  'autoscaling.k8s.io/v1': autoscaler,
}

/** Custom resources, which the client has no models of. */
const customGroups = ['monitoring.coreos.com/v1', 'autoscaling.k8s.io/v1']

interface Attribute {
  readonly baseName: string
  readonly type: string
}
type ClientModel = { getAttributeTypeMap(): readonly Attribute[] }

const clientModels = client as unknown as Readonly<Record<string, ClientModel | undefined>>

/** What an API server would refuse, each with its path; empty when it would take the object. */
export function schemaProblems(object: KubernetesObject): string[] {
  const { apiVersion, kind } = object
  const models = groups[apiVersion] as Readonly<Record<string, ModelClass | undefined>> | undefined
  const model = models?.[kind]
  if (!model) return [`no schema of ${apiVersion} ${kind}`]
  const problems: string[] = []
  try {
    new model(object).validate()
  } catch (error) {
    problems.push((error as Error).message)
  }
  if (!customGroups.includes(apiVersion)) {
    const version = apiVersion.split('/').at(-1)!
    const type = `${version[0]!.toUpperCase()}${version.slice(1)}${kind}`
    problems.push(...unknownFields(object, type, kind))
  }
  return problems
}

function unknownFields(value: unknown, type: string, path: string): string[] {
  const list = type.match(/^Array<(.+)>$/)?.[1]
  if (list !== undefined) {
    if (!Array.isArray(value)) return [`${path}: not a list`]
    return value.flatMap((item, index) => unknownFields(item, list, `${path}[${index}]`))
  }
  const map = type.match(/^\{ \[key: string\]: (.+); \}$/)?.[1]
  if (map !== undefined) {
    if (!isObject(value)) return [`${path}: not a map`]
    return Object.entries(value).flatMap(([key, item]) =>
      unknownFields(item, map, `${path}.${key}`),
    )
  }
  switch (type) {
    case 'any':
    case 'Date':
      return []
    case 'IntOrString':
      return ['number', 'string'].includes(typeof value) ? [] : [`${path}: no number or text`]
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type ? [] : [`${path}: ${JSON.stringify(value)} is no ${type}`]
  }
  const attributes = clientModels[type]?.getAttributeTypeMap()
  if (!attributes) return [`${path}: no model ${type}`]
  if (!isObject(value)) return [`${path}: not an object`]
  return Object.entries(value).flatMap(([key, item]) => {
    const attribute = attributes.find(({ baseName }) => baseName === key)
    if (!attribute) return [`${path}.${key}: unknown field`]
    return unknownFields(item, attribute.type, `${path}.${key}`)
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
