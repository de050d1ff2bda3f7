// Generates docs/config.md, the reference of the store's configuration, from its schema: `npm run docs`.
// A test fails if the page is out of date.

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { blockSchemas, keysWithoutMeaning, refusedKeys } from '@skald/store'

/** The parts of a key that the page shows. */
interface Key {
  readonly description?: string
  readonly default?: unknown
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly isUnfollowed?: boolean
  readonly anyOf?: readonly { readonly type?: string }[]
  readonly form?: 'duration' | 'bytes' | 'time'
}

const head = `# The store's configuration

The store reads one YAML file with Loki's keys: \`skald store -config.file=store.yaml\`. Without a file it keeps its data in
\`./data\` and listens on 127.0.0.1:3100. [limits.md](limits.md) explains the limits and how an
[overrides file](limits.md#limits-of-single-tenants) changes them for single tenants. [differences.md](differences.md) lists
defaults that differ from Loki's.

Each of Loki's keys belongs to one of three classes:

- **followed**: The store does what the key says. The tables below list these keys first.
- **without meaning**: [The key makes no difference here](#without-meaning). The store starts, and logs the key and its line
  once.
- **refused**: The store [does not support the key](#refused). Ignoring it would send lines elsewhere, keep them for another
  period, let others read them, or stop alerts from firing. So the store does not start, and says what to do.

If a key is not on this page, the store refuses it and reports its place in the file. Durations look like \`30s\`, \`1h30m\` or
\`7d\`. Sizes look like \`256KB\` (1024 bytes each) or are plain bytes. \`GET /config\` shows the effective configuration,
including flags and environment. \`skald check store.yaml\` checks a file before you start a store, and reports line and
column of each finding.

\`npm run docs\` generates this page from \`packages/store/src/config-schema.ts\` and the files in
\`packages/store/src/settings/\`.
`

/** Renders the page. */
export function renderConfigPage(): string {
  const blocks = Object.entries(blockSchemas).map(([name, { properties }]) =>
    renderBlock(name, properties as Readonly<Record<string, Key>>),
  )
  return `${[head, ...blocks, renderMeaningless(), renderRefused()].join('\n')}`
}

function renderBlock(name: string, properties: Readonly<Record<string, Key>>): string {
  const rows = Object.entries(properties)
    .filter(([key, { isUnfollowed }]) => !isUnfollowed && !(name === '' && key in blockSchemas))
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

function renderMeaningless(): string {
  const rows = keysWithoutMeaning.map(
    ({ why, keys }) => `| ${why} | ${keys.map(code).join(', ')} |`,
  )
  return `## Without meaning

The store accepts these keys because existing files have them, including files for older versions of Loki. If a block is
listed, all its keys belong here unless they are [refused](#refused).

| why | keys |
|---|---|
${rows.join('\n')}
`
}

/** Keys with the same text share one row. */
function renderRefused(): string {
  const rows = new Map<string, string[]>()
  for (const { key, unless, why } of refusedKeys) {
    const words = `${unless} | ${inCell(why[0]!.toUpperCase() + why.slice(1))}`
    rows.set(words, [...(rows.get(words) ?? []), code(key)])
  }
  const lines = [...rows].map(([words, keys]) => `| ${keys.join(', ')} | ${words} |`)
  return `## Refused

\`[]\` stands for the items of a list. A key without a value is accepted.

| key | refused unless | why, and what to do |
|---|---|---|
${lines.join('\n')}
`
}

function code(text: string): string {
  return `\`${text}\``
}

function kindOf({ type, enum: choices, anyOf = [], form }: Key): string {
  if (choices) return choices.filter(Boolean).map(code).join(', ')
  if (form) return form === 'bytes' ? 'size' : form
  if (anyOf.some(choice => choice.type === 'number')) return 'number'
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    boolean: 'true or false',
    integer: 'whole number',
    array: 'list',
    object: 'keys',
  }
  return names[[type].flat()[0] ?? ''] ?? ''
}

function defaultOf({ default: value }: Key): string {
  if (value === undefined || value === null || value === '') return ''
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map(item => `\`${item}\``).join(', ')
  if (typeof value === 'object') return ''
  return `\`${String(value)}\``
}

function describe({ description = '' }: Key): string {
  return inCell(description)
}

function inCell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** Path of the page. */
export const configPagePath = fileURLToPath(new URL('./config.md', import.meta.url))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(configPagePath, renderConfigPage())
}
