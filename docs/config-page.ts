// Writes docs/config.md, the reference of the store's configuration, from the schema that reads it:
// `npm run docs`. A test fails while the page is not what this makes.

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { blockSchemas, ignoredKeys } from '@skald/store'

/** One key of a block, as far as the page tells of it. */
interface Key {
  readonly description?: string
  readonly default?: unknown
  readonly type?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly { readonly type?: string; readonly const?: unknown }[]
}

const head = `# The store's configuration

One YAML file with Loki's keys: \`skald store -config.file=store.yaml\`; without one the store keeps its data in
\`./data\` and listens on 127.0.0.1:3100. [limits.md](limits.md) tells more of the limits, which a
[file of overrides](limits.md#limits-of-single-tenants) changes for single tenants;
[differences.md](differences.md) where defaults are not Loki's.

A key that is not on this page is refused with its line. Durations are such as \`30s\`, \`1h30m\` or \`7d\`, sizes such
as \`256KB\` (1024 bytes each) or plain bytes. \`GET /config\` shows what is in force, and
\`skald check store.yaml\` what is wrong with a file.

This page is made from \`packages/store/src/config-schema.ts\` by \`npm run docs\`.
`

/** Makes the text of the page. */
export function renderConfigPage(): string {
  const blocks = Object.entries(blockSchemas).map(([name, { properties }]) =>
    renderBlock(name, properties as Readonly<Record<string, Key>>),
  )
  return `${[head, ...blocks, renderIgnored()].join('\n')}`
}

function renderBlock(name: string, properties: Readonly<Record<string, Key>>): string {
  const ignored: readonly string[] = ignoredOf(name)
  const rows = Object.entries(properties)
    .filter(([key]) => !ignored.includes(key) && !(name === '' && key in blockSchemas))
    .map(
      ([key, schema]) =>
        `| \`${key}\` | ${kindOf(schema)} | ${defaultOf(schema)} | ${describe(schema)} |`,
    )
  const title = name === '' ? 'The file' : `\`${name}\``
  return `## ${title}

| key | value | default | |
|---|---|---|---|
${rows.join('\n')}
`
}

function renderIgnored(): string {
  const lists = Object.entries(ignoredKeys).map(([name, keys]) => {
    const title = name === '' ? 'Whole blocks' : `Of \`${name}\``
    return `${title}: ${keys.map(key => `\`${key}\``).join(', ')}.`
  })
  return `## Without effect

These keys of Loki's are accepted, since they are in the files that people have, and named in one warning when
the store starts. They have no meaning for one process without a ring.

${lists.join('\n\n')}
`
}

function ignoredOf(name: string): readonly string[] {
  return (ignoredKeys as Readonly<Record<string, readonly string[]>>)[name] ?? []
}

function kindOf({ type, enum: choices, anyOf = [] }: Key): string {
  if (choices) return choices.map(choice => `\`${choice}\``).join(', ')
  if (anyOf.some(choice => choice.const === 0)) return 'duration'
  if (anyOf.some(choice => choice.type === 'integer')) return 'size'
  if (anyOf.some(choice => choice.type === 'number')) return 'number'
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    boolean: 'true or false',
    integer: 'whole number',
    array: 'list',
    object: 'keys',
  }
  return names[type ?? ''] ?? ''
}

function defaultOf({ default: value }: Key): string {
  if (value === undefined || value === null || value === '') return ''
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map(item => `\`${item}\``).join(', ')
  if (typeof value === 'object') return ''
  return `\`${String(value)}\``
}

function describe({ description = '' }: Key): string {
  return description.replaceAll('|', '\\|')
}

/** Where the page lies. */
export const configPagePath = fileURLToPath(new URL('./config.md', import.meta.url))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(configPagePath, renderConfigPage())
}
