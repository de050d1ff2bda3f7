// Checks the user documentation: links resolve and commands work. A block of commands runs
// unchanged, in a directory with the files that its page shows, against a store with lines. A
// marked block needs more than that (see docs/README.md) and is only checked where possible.

import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { kubeVersionFlag } from '../release/manifest.ts'
import { makeCertificates } from '../test/certificates.ts'
import { chartDir, helm, needsHelm } from './chart/helm.ts'
import { startStore } from './harness.ts'
import { cleanEnv, rootDir, skaldCommand } from './skald-process.ts'

root.setTimeout(180_000)
const run = promisify(execFile)

const pages = [
  'README.md',
  'docs/README.md',
  'docs/kubernetes.md',
  'docs/one-machine.md',
  'docs/docker-compose.md',
  'docs/migrating.md',
  'docs/operations.md',
  'docs/troubleshooting.md',
  'docs/security.md',
  'docs/benchmarks.md',
  'docs/releases.md',
  'docs/logs-missing.md',
  'docs/slow-queries.md',
  'docs/disk-full.md',
  'docs/sending.md',
  'docs/alerts.md',
  'docs/rules.md',
  'docs/two-teams.md',
  'docs/https.md',
  'docs/backup.md',
  'docs/moving.md',
]
/** All pages of the repository. The pages above follow the form that the other tests require. */
const allPages = [
  ...readdirSync(rootDir).filter(name => name.endsWith('.md')),
  ...readdirSync(join(rootDir, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
  'bench/README.md',
]
const usualUrl = 'http://127.0.0.1:3100'
const read = (page: string) => readFileSync(join(rootDir, page), 'utf8')

/** A fenced block: the words after the fence, and its text. */
interface Block {
  readonly language: string
  /** Audience of the block, or the kind of file. */
  readonly kind: string
  readonly file: string
  readonly text: string
}

function blocksOf(page: string): Block[] {
  return [...read(page).matchAll(/^```(\w+) ?(\w*) ?([\w.-]*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', kind = '', file = '', text = '']) => ({ language, kind, file, text }),
  )
}

/** Writes the files that a page shows, with another store address if given. */
function writeFiles(page: string, dir: string, storeUrl = usualUrl): void {
  mkdirSync(dir, { recursive: true })
  for (const { file, text } of blocksOf(page)) {
    if (file !== '') writeFileSync(join(dir, file), text.replaceAll(usualUrl, storeUrl))
  }
}

const commandsOf = ({ text }: Block) => text.trim().split('\n')

test('every block says what it is', async t => {
  const known = [
    /^sh( (cluster|docker|machine))?$/,
    /^yaml (values|store|agent) [\w.-]+\.yaml$/,
    /^(ini|mermaid)$/,
    // Files of other programs.
    /^(yaml|ini|hcl|js|nginx) config [\w.-]+$/,
  ]
  for (const page of pages) {
    const fences = [...read(page).matchAll(/^```(.+)$/gm)].map(([, info = '']) => info)
    t.equal(fences.length, blocksOf(page).length, `${page}: every block ends`)
    for (const info of fences)
      t.ok(
        known.some(form => form.test(info)),
        `${page}: ${info}`,
      )
  }
})

test('tables are tables, and no text of a program is left in them', async t => {
  for (const page of allPages) {
    const blocks = read(page)
      .replaceAll(/^```[\s\S]*?^```$/gm, '')
      .split(/\n(?!\|)/)
    for (const block of blocks) {
      const rows = block.split('\n').filter(line => line.startsWith('|'))
      if (rows.length === 0) continue
      t.match(rows[1], /^\|( *:?-+:? *\|)+$/, `${page}: a head and a line stand over ${rows[0]}`)
      const cells = (row = '') => row.replaceAll(/\\\||`[^`]*`/g, '').split('|').length
      for (const row of rows) t.equal(cells(row), cells(rows[1]), `${page}: ${row}`)
      t.notMatch(rows.join('\n').replaceAll(/`[^`]*`/g, ''), '${', page)
    }
  }
})

test('links lead to pages and headings', async t => {
  const anchors = (page: string) =>
    [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
  for (const page of allPages) {
    for (const [, target = '', anchor] of read(page).matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)) {
      if (/^https?:/.test(target)) continue
      const path = target === '' ? page : join(dirname(page), target)
      t.ok(existsSync(join(rootDir, path)), `${page}: ${target}`)
      if (anchor !== undefined) t.ok(anchors(path).includes(anchor), `${page}: ${path}#${anchor}`)
    }
  }
  const index = read('docs/README.md')
  for (const page of allPages.filter(name => /^docs\/[a-z]/.test(name))) {
    t.match(index, `(${page.slice('docs/'.length)})`, `the index has ${page}`)
  }
})

/** Files that CONTRIBUTING.md makes up to show how a stage is added. */
const inventedFiles = new Set([
  'packages/query/src/stages/reverse.ts',
  'packages/query/test/scripts/stage-reverse.test',
])

test('paths in the pages are there', async t => {
  for (const page of allPages) {
    const named = read(page).matchAll(
      /`((?:charts|examples|bench|docs|e2e|release|packages)\/[\w./-]*)`/g,
    )
    for (const [, path = ''] of named) {
      const isInvented = page === 'CONTRIBUTING.md' && inventedFiles.has(path)
      t.ok(isInvented || existsSync(join(rootDir, path)), `${page}: ${path}`)
    }
  }
})

test('commands are run as they stand', async t => {
  for (const page of pages) {
    const blocks = blocksOf(page).filter(({ language, kind }) => language === 'sh' && kind === '')
    if (blocks.length === 0) continue
    const dir = join(t.testdir(), page.replaceAll(/\W/g, '-'))
    mkdirSync(dir, { recursive: true })
    const config = page === 'docs/rules.md' ? 'ruler: {evaluation_interval: 1s}\n' : ''
    const store = await startStore(t, { dir, config })
    writeFiles(page, dir, store.url)
    symlinkSync('store-data', join(dir, 'data'))
    const labels = { job: 'docker', namespace: 'default', pod: 'shop-0', container: 'web' }
    const entry = { timestampNs: BigInt(Date.now() - 1000) * 1_000_000n, line: 'an error' }
    const pushed = await store.push([{ labels: createLabelSet(labels), entries: [entry] }])
    t.equal(pushed.status, 204)
    for (const block of blocks) {
      const text = block.text.replaceAll(usualUrl, store.url).replaceAll('npx skald', skaldCommand)
      const { code, stdout, stderr } = await run('sh', ['-euc', text], {
        cwd: dir,
        env: { ...process.env, ...cleanEnv(), SKALD_URL: store.url },
      }).then(
        printed => ({ code: 0, ...printed }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      )
      t.equal(code, 0, `${page}: ${block.text}${stderr}`)
      t.notMatch(stdout, /"result":\[\]/, `${page}: something is found by ${block.text}`)
    }
    await store.stop()
  }
})

test('configurations in the pages are valid', async t => {
  const dir = t.testdir()
  // The agent reads certificates at once.
  makeCertificates(dir)
  for (const page of pages) {
    for (const { kind, file, text } of blocksOf(page)) {
      if (kind !== 'store' && kind !== 'agent') continue
      const path = join(dir, file)
      writeFileSync(path, text.replaceAll('/etc/skald/', `${dir}/`))
      const { stdout } = await run(skaldCommand, ['check', path])
      t.match(stdout, `: valid ${kind} configuration`, `${page}: ${file}`)
    }
  }
})

test('values in the pages, and commands of helm, render', needsHelm, async t => {
  for (const page of pages) {
    const dir = join(t.testdir(), page.replaceAll(/\W/g, '-'))
    writeFiles(page, dir)
    symlinkSync(join(rootDir, 'charts'), join(dir, 'charts'))
    for (const { kind, file } of blocksOf(page)) {
      if (kind !== 'values') continue
      const rendered = await helm('template', 'loki', chartDir, '--values', join(dir, file))
      t.match(rendered, /kind: StatefulSet/, `${page}: ${file}`)
    }
    for (const command of blocksOf(page).flatMap(commandsOf)) {
      const match = command.match(/^helm (install|upgrade) (.*)$/)
      if (!match) continue
      const args = match[2]!.split(' ').filter(arg => arg !== '--create-namespace')
      const upgrade = match[1] === 'upgrade' ? ['--is-upgrade'] : []
      const { stdout } = await run('helm', ['template', kubeVersionFlag, ...args, ...upgrade], {
        cwd: dir,
      })
      t.match(stdout, /kind: (DaemonSet|StatefulSet)/, `${page}: ${command}`)
    }
  }
})

test('values and alerts that the pages name are those of the chart', async t => {
  const values: unknown = parse(readFileSync(`${chartDir}/values.yaml`, 'utf8'))
  const moved = parse(readFileSync(`${chartDir}/moved.yaml`, 'utf8')) as object
  const isFile = /\.(ya?ml|ts|json)$/
  for (const page of pages) {
    const named = read(page).matchAll(/`((?:loki|promtail|grafana|test_pod|image)(?:\.\w+)+)/g)
    for (const [, path = ''] of named) {
      // Keys below loki.config are Loki's, and docs/config.md covers them.
      if (isFile.test(path) || path in moved || path.startsWith('loki.config.')) continue
      const found = path.split('.').reduce((value: unknown, key) => {
        return value instanceof Object && key in value ? Reflect.get(value, key) : undefined
      }, values)
      t.not(found, undefined, `${page}: ${path}`)
    }
  }
  const told = read('docs/operations.md').matchAll(/^\| `(Skald\w+)` \|/gm)
  const rules = ['store', 'agent'].flatMap(name =>
    parse(readFileSync(`${chartDir}/alerts/${name}.yaml`, 'utf8')),
  )
  t.same([...told].map(([, name]) => name).sort(), rules.map(({ alert }) => alert).sort())
})

/** Returns the help text of a command. */
async function helpOf(name: string): Promise<string> {
  const { stdout, stderr } = await run(skaldCommand, [name, '-help']).catch(error => error)
  return `${stdout}${stderr}`
}

test('flags in commands that are not run are known', async t => {
  const helps = new Map<string, string>()
  for (const page of pages) {
    for (const line of blocksOf(page).flatMap(commandsOf)) {
      const [, name = '', rest = ''] = line.match(/^(?:npx |.*\/bin\/)skald (\w+) (.*)$/) ?? []
      if (name === '') continue
      const help = helps.get(name) ?? (await helpOf(name))
      helps.set(name, help)
      for (const [, flag = ''] of rest.matchAll(/(?:^| )--?([a-z][\w.-]*)/g)) {
        t.match(help, flag, `${page}: ${line}`)
      }
    }
  }
})
