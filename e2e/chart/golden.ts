// What the chart renders of each set of values, kept beside them to be read and compared. A set that
// renders most objects as the defaults do tells only what differs.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { chartDir, type KubernetesObject, type ValueSet } from './helm.ts'

/** File of a set. */
export function goldenPath(set: ValueSet): string {
  return new URL(`golden/${set.name}.yaml`, import.meta.url).pathname
}

/** Returns the kept text of a set; writes it first where UPDATE_GOLDEN is set. */
export function readGolden(set: ValueSet, rendered: string): string {
  const path = goldenPath(set)
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, rendered)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Writes down the objects of a set, less those that `defaults` has just like that. */
export function formatGolden(
  objects: readonly KubernetesObject[],
  defaults: readonly KubernetesObject[],
): string {
  const usual = new Map(defaults.map(object => [idOf(object), formatObject(object)]))
  const parts: string[] = []
  const kept: string[] = []
  for (const object of objects) {
    const text = formatObject(object)
    if (usual.get(idOf(object)) === text) kept.push(idOf(object))
    else parts.push(text)
    usual.delete(idOf(object))
  }
  const notes = [
    ...kept.map(id => `# As by default: ${id}`),
    ...(kept.length > 0 ? [...usual.keys()].map(id => `# Not rendered: ${id}`) : []),
  ]
  const text = [notes.length > 0 ? `${notes.join('\n')}\n` : '', ...parts].join('---\n')
  // Labels and image carry the version, which a release changes and nothing else.
  return text.replace(/(skald-|skald:|version: )\d+\.\d+\.\d+\b/g, '$1VERSION')
}

function idOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`
}

/** Secrets are shown as texts, and files of the chart by their names. */
function formatObject(object: KubernetesObject): string {
  const { data } = object
  if (!data) return stringify(object, { lineWidth: 0 })
  const entries = Object.entries(data).map(([key, value]) => {
    const text = object.kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value
    if (key === 'admin-password') return [key, text.length > 20 ? '(random)' : text]
    const file = ['test.mjs', `dashboards/${key.replace(/^skald-/, '')}`].find(
      name => name.endsWith(key.replace(/^skald-/, '')) && existsSync(`${chartDir}/${name}`),
    )
    if (file && readFileSync(`${chartDir}/${file}`, 'utf8') === text) return [key, `(${file})`]
    return [key, text.replace(/[ \t]+$/gm, '')]
  })
  return stringify({ ...object, data: Object.fromEntries(entries) }, { lineWidth: 0 })
}
