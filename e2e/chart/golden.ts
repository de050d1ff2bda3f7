// Stores what the chart renders for each set of values, for review and comparison. A set that renders
// mostly the same objects as the defaults stores only the differences.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { chartDir, type KubernetesObject, type ValueSet } from './helm.ts'

/** Returns the path of a set's file. */
export function goldenPath(set: ValueSet): string {
  return new URL(`golden/${set.name}.yaml`, import.meta.url).pathname
}

/** Returns the stored text of a set. If UPDATE_GOLDEN is set, writes it first. */
export function readGolden(set: ValueSet, rendered: string): string {
  const path = goldenPath(set)
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, rendered)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Formats the objects of a set without those that are equal in `defaults`. */
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
  // Labels and image contain the version, which changes with each release.
  return text.replace(/(skald-|skald:|version: )\d+\.\d+\.\d+\b/g, '$1VERSION')
}

function idOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`
}

/** Formats Secrets as text, and files of the chart by their names. */
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
