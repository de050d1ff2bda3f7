// Renders the chart with the real helm, for its tests.

import { execFile, execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { kubeVersionFlag } from '../../release/manifest.ts'

const run = promisify(execFile)

/** Directory of the chart. */
export const chartDir = new URL('../../charts/skald', import.meta.url).pathname

const valuesDir = new URL('values/', import.meta.url).pathname

/** An object rendered by Helm. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
  // biome-ignore lint/suspicious/noExplicitAny: tests access arbitrary fields of a kind.
  readonly spec?: any
  readonly [key: string]: unknown
}

/** Options of a test that needs helm. Without helm, it is skipped with a reason. */
export const needsHelm = hasHelm() ? {} : { skip: 'helm is not on the PATH' }

function hasHelm(): boolean {
  try {
    execFileSync('helm', ['version', '--short'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Runs helm and returns its output. Error messages are in the error's `stderr`. */
export async function helm(...args: string[]): Promise<string> {
  const [command = '', ...rest] = args
  // A helm built from its Go module only knows an old Kubernetes version.
  const version = command === 'template' ? [kubeVersionFlag] : []
  const { stdout } = await run('helm', [command, ...version, ...rest], {
    maxBuffer: 16 * 1024 * 1024,
  })
  return stdout
}

/** A values file and its release. */
export interface ValueSet {
  readonly name: string
  readonly path: string
  readonly release: string
  readonly namespace: string
}

/** Returns every values file of e2e/chart/values. Comments in the file name the release. */
export function valueSets(): ValueSet[] {
  return readdirSync(valuesDir).map(file => {
    const path = `${valuesDir}${file}`
    const text = readFileSync(path, 'utf8')
    const told = (key: string) => text.match(new RegExp(`^# ${key}: (\\S+)$`, 'm'))?.[1]
    return {
      name: file.replace(/\.yaml$/, ''),
      path,
      release: told('release') ?? 'myloki',
      namespace: told('namespace') ?? 'default',
    }
  })
}

/** Finds a set by its name. */
export function valueSet(name: string): ValueSet {
  return valueSets().find(set => set.name === name)!
}

const rendered = new Map<string, Promise<KubernetesObject[]>>()

/** Renders a set with `helm template`, once per process. Do not change the objects. */
export function renderSet(set: ValueSet, ...args: string[]): Promise<KubernetesObject[]> {
  const key = [set.name, ...args].join(' ')
  const found = rendered.get(key) ?? render(set, args)
  rendered.set(key, found)
  return found
}

async function render(set: ValueSet, args: readonly string[]): Promise<KubernetesObject[]> {
  const { release, namespace, path } = set
  const base = ['template', release, chartDir, '--namespace', namespace, '--values', path]
  return parseObjects(await helm(...base, ...args))
}

interface RenderedText {
  readonly setName: string
  readonly template: string
  readonly sets?: readonly string[]
}

/**
 * Returns the notes of a set. Helm prints them only with a cluster, so a copy of the chart in `dir`
 * renders them as an object.
 */
export async function renderNotes(
  dir: string,
  setName: string,
  ...sets: string[]
): Promise<string> {
  const notes = readFileSync(join(chartDir, 'templates/NOTES.txt'), 'utf8')
  return renderText(dir, { setName, template: notes, sets })
}

/** Renders an additional template with those of the chart, in a copy of the chart in `dir`. */
export async function renderText(
  dir: string,
  { setName, template, sets = [] }: RenderedText,
): Promise<string> {
  const copy = join(dir, setName)
  cpSync(chartDir, copy, { recursive: true })
  writeFileSync(
    join(copy, 'templates/_test.tpl'),
    `{{- define "test.notes" -}}\n${template}\n{{- end -}}`,
  )
  writeFileSync(
    join(copy, 'templates/notes.yaml'),
    'kind: Notes\nmetadata: {name: notes}\ntext: {{ include "test.notes" . | quote }}\n',
  )
  const { release, namespace, path } = valueSet(setName)
  const printed = await helm(
    ...['template', release, copy, '--namespace', namespace, '--values', path],
    ...['--show-only', 'templates/notes.yaml'],
    ...sets.flatMap(set => ['--set', set]),
  )
  return String(parseObjects(printed)[0]!.text)
}

/** Parses the output of `helm template`. Every document must be YAML without warnings. */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap(document => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem) throw problem
    const object = document.toJS() as KubernetesObject | null
    return object === null ? [] : [object]
  })
}

/** Finds the only object of a kind and name. */
export function findObject(
  objects: readonly KubernetesObject[],
  kind: string,
  name: string,
): KubernetesObject {
  const found = objects.filter(object => object.kind === kind && object.metadata.name === name)
  if (found.length !== 1) {
    const all = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ')
    throw new Error(`${found.length} objects are ${kind} ${name}; there are ${all}`)
  }
  return found[0]!
}

/** Returns the text of a key in a Secret or ConfigMap. */
export function textOf(object: KubernetesObject, key: string): string {
  const value = object.data?.[key]
  if (value === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no ${key}`)
  return object.kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value
}
