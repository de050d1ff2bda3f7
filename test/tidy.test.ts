// Checks that the tree is tidy: file names say what the files contain, every file is imported,
// links in pages resolve, and all tests run.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'tap'
import { quickTests, starterOf } from './quick/choose.ts'

const root = new URL('..', import.meta.url).pathname
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(name => name !== '' && existsSync(join(root, name)))
const read = (name: string) => readFileSync(join(root, name), 'utf8')
const sources = files.filter(name => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(name))

test('no file is named like a catch-all', async t => {
  const heaps = /(^|\/)(utils?|common|helpers?|misc|data|info|types)(\.tsx?)?(\/|$)/
  t.same(
    sources.filter(name => heaps.test(name)),
    [],
  )
})

test('every source file is reachable from a main.ts, a worker or an export of a package', async t => {
  const reached = new Set<string>()
  const exported = files
    .filter(name => /^packages\/[^/]+\/package\.json$/.test(name))
    .flatMap(name => {
      const { exports = [] } = JSON.parse(read(name)) as { exports?: string | object }
      const paths: string[] = typeof exports === 'string' ? [exports] : Object.values(exports)
      return paths.map(path => normalize(join(dirname(name), path)))
    })
  const waiting = [...sources.filter(name => /\/main\.tsx?$/.test(name)), ...exported]
  while (waiting.length > 0) {
    const name = waiting.pop()!
    if (reached.has(name)) continue
    reached.add(name)
    for (const match of read(name).matchAll(/(?:from|import\(?|URL\()\s*'(\.[^']+\.tsx?)'/g)) {
      waiting.push(normalize(join(dirname(name), match[1]!)))
    }
  }
  t.same(
    sources.filter(name => !reached.has(name) && !name.endsWith('.d.ts')),
    [],
  )
})

test('no test is restricted or skipped without a reason', async t => {
  const narrowed = files
    .filter(name => name.endsWith('.test.ts') && name !== 'test/tidy.test.ts')
    .filter(name => /\b(test|t)\.(only|todo)\(|\bonly: true|\btodo: /.test(read(name)))
  t.same(narrowed, [])
})

test('links between the documents resolve', async t => {
  for (const name of files.filter(file => file.endsWith('.md'))) {
    for (const [, target = ''] of read(name).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      t.ok(existsSync(join(root, dirname(name), target)), `${name}: ${target}`)
    }
  }
})

const decisions = files.filter(name => /^docs\/decisions\/[^/]+\/[^/]+\.md$/.test(name))

/** Returns the paths and source files that a page names in backticks and that do not exist. */
function missingFiles(text: string): string[] {
  const paths = [...text.matchAll(/`(packages\/[^`*]+)`/g)].map(([, name]) => name!)
  const sourceNames = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name]) => name!)
  return [
    ...paths.filter(name => !existsSync(join(root, name))),
    ...sourceNames.filter(name => !files.some(file => `/${file}`.endsWith(`/${name}`))),
  ]
}

test('ARCHITECTURE.md and the decisions name only existing files', async t => {
  t.ok(decisions.length > 40)
  for (const page of ['ARCHITECTURE.md', 'docs/decisions/README.md', ...decisions]) {
    t.same(missingFiles(read(page)), [], page)
  }
  t.same(
    missingFiles('`packages/wire/src/gone`, `tail/gone.ts`, `tail/tailer.ts`, `packages/wire`'),
    ['packages/wire/src/gone', 'tail/gone.ts'],
  )
})

test('a decision has a date, a reason and what was measured, and is listed by its heading', async t => {
  const list = read('docs/decisions/README.md')
  for (const page of decisions) {
    const text = read(page)
    const [heading = '', , dateLine = ''] = text.split('\n')
    t.match(dateLine, /^[A-Z].* · .*2\d{3}-\d\d-\d\d/, page)
    t.match(text, /^\*\*Reason\.\*\* /m, page)
    t.match(text, /^\*\*Measured\b/m, page)
    const path = page.slice('docs/decisions/'.length)
    t.ok(list.includes(`- [${heading.replace(/^# /, '')}](${path})`), `${page} is listed`)
  }
})

test('quick tests are those that reach nothing that starts a process, a thread or a server', async t => {
  const quick = quickTests()
  t.ok(quick.length >= 120, `${quick.length} quick tests`)
  t.ok(quick.includes('packages/wire/test/labels.test.ts'))
  t.notOk(quick.includes('packages/agent/test/agent.test.ts'))

  const dir = t.testdir({
    'spawns.ts': "import { spawnSync } from 'node:child_process'\nspawnSync('true')\n",
    'imports.ts': "import './spawns.ts'\n",
    'types.ts': "import type { Server } from 'node:http'\nexport type Any = Server\n",
    'computes.ts': "import { isIP } from 'node:net'\nisIP('::1')\n",
    'listens.ts': "import { createServer } from 'node:net'\ncreateServer().listen(0)\n",
    'threads.ts': "import { Worker } from 'node:worker_threads'\nnew Worker('', { eval: true })\n",
  })
  const starting = ['spawns.ts', 'imports.ts', 'listens.ts', 'threads.ts']
  const guard = join(root, 'test/quick/refuse-starts.ts')
  for (const name of starting) {
    t.ok(starterOf(join(dir, name)), `${name} is no quick test`)
    const { status, stderr } = spawnSync(process.execPath, [`--import=${guard}`, join(dir, name)], {
      encoding: 'utf8',
    })
    t.equal(status, 1, `${name} fails`)
    t.match(stderr, /A quick test started a (process|server|thread)/)
  }
  for (const name of ['types.ts', 'computes.ts']) t.equal(starterOf(join(dir, name)), undefined)
})

/** Finds the consts that bound something: plain numbers with the name of a bound. */
function boundsIn(text: string): string[] {
  const bound =
    /^(?:export )?const (\w+(?:Max|Least|Ms|AtOnce))(?:: \w+)? = [-\d_n *+()]*\d[-\d_n *+()]*$/gm
  return [...text.matchAll(bound)].map(([, name]) => name!)
}

test('every bound of a package is in its limits.ts', async t => {
  const rooms =
    /^packages\/(config-reading|go-dialect|page|query|skald|store|wire)\/src\/(?!limits\.ts$)/
  const elsewhere = sources
    .filter(name => rooms.test(name))
    .flatMap(name => boundsIn(read(name)).map(bound => `${name}: ${bound}`))
  t.same(elsewhere, [
    // A unit.
    'packages/go-dialect/src/time/time.ts: nsPerMs',
    // The length of a word that may be an id; it bounds nothing.
    'packages/query/src/patterns/shape.ts: hexWordLeast',
    // Tells seconds from finer units; it bounds nothing.
    'packages/store/src/ingest/validate.ts: wrongUnitSecondMax',
  ])
  t.same(boundsIn('/** A. */\nexport const bodyBytesMax = 4 * 1024\nconst pauseMs = 5_000\n'), [
    'bodyBytesMax',
    'pauseMs',
  ])
})

interface Package {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** Returns the packages that a file imports, and whether it imports only types. */
function importedPackages(text: string): { readonly name: string; readonly isType: boolean }[] {
  const imports =
    /^(?:import|export)( type)? (?:[\w*{][^'"=;]*? from )?'([^'.][^']*)'|\bimport\('([^'.][^']*)'\)|createRequire\([^)]*\)\('([^'.][^']*)'\)/gm
  return [...text.matchAll(imports)]
    .map(([, type, named, called, required]) => ({
      path: (named ?? called ?? required)!,
      isType: type !== undefined,
    }))
    .filter(({ path }) => !path.startsWith('node:'))
    .map(({ path, isType }) => ({ name: /^(@[^/]+\/)?[^/]+/.exec(path)![0], isType }))
}

/**
 * Returns dependencies that a package declares but does not import, and the other way round.
 */
function wrongDependencies(own: Package, texts: readonly string[]): string[] {
  const imports = texts.flatMap(importedPackages).filter(({ name }) => name !== own.name)
  const needed = new Set(imports.filter(({ isType }) => !isType).map(({ name }) => name))
  const dependencies = Object.keys(own.dependencies ?? {})
  const declared = new Set([...dependencies, ...Object.keys(own.devDependencies ?? {})])
  return [
    ...dependencies.filter(name => !needed.has(name)).map(name => `${name} is not imported`),
    ...[...needed]
      .filter(name => !dependencies.includes(name))
      .map(name => `${name} is imported and no dependency`),
    ...imports
      .filter(({ name }) => !declared.has(name) && !needed.has(name))
      .map(({ name }) => `${name} is not declared`),
  ]
}

test('packages declare what they import, and nothing else', async t => {
  for (const manifest of files.filter(name => /^packages\/[^/]+\/package\.json$/.test(name))) {
    const below = `${dirname(manifest)}/src/`
    const texts = sources.filter(name => name.startsWith(below)).map(read)
    t.same(wrongDependencies(JSON.parse(read(manifest)) as Package, texts), [], manifest)
  }
  const own = { name: 'a', dependencies: { used: '1', idle: '1' }, devDependencies: { types: '1' } }
  const text = `import { b } from 'used/part'
import type { C } from 'types'
import type { D } from 'unknown-types'
import e from '@scope/missing'
import 'node:fs'
const f = await import('late')
`
  t.same(wrongDependencies(own, [text]), [
    'idle is not imported',
    '@scope/missing is imported and no dependency',
    'late is imported and no dependency',
    'unknown-types is not declared',
  ])
})

/** Returns what a file uses from outside: clocks, files, sockets, the process. */
function outsideOf(text: string): string[] {
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const outside =
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\b|'node:(?:fs|net|http|https|dgram|tls|dns|os|child_process|worker_threads|timers|perf_hooks)[^']*'/g
  return [...new Set([...code.matchAll(outside)].map(([found]) => found))]
}

test('config-reading, go-dialect and query are pure: no clock, no files, no sockets of their own', async t => {
  const impure = sources
    .filter(name => /^packages\/(config-reading|go-dialect|query)\/src\//.test(name))
    .flatMap(name => outsideOf(read(name)).map(found => `${name}: ${found}`))
  t.same(impure, [
    // Yields to other work on the thread.
    'packages/query/src/pause.ts: setImmediate',
    "packages/query/src/pause.ts: 'node:timers/promises'",
    // Two functions that only check a text.
    "packages/query/src/pipeline/ip-range.ts: 'node:net'",
  ])
  const broken =
    "import { readFileSync } from 'node:fs'\n// Date.now is not called.\nconst ns = Date.now()\n"
  t.same(outsideOf(broken), ["'node:fs'", 'Date.now'])
})

/** Files outside of config-reading that may parse YAML, because they read no configuration of Skald. */
const otherYaml = new Set([
  // The file of another program, in YAML 1.2.
  'packages/agent/src/discovery/kubernetes/kubeconfig.ts',
  // Prints a configuration that is in force, without its secrets.
  'packages/agent/src/http/config-page.ts',
])

/** Returns what a file imports from the yaml library, without `stringify`, which only writes. */
function yamlReadersIn(text: string): string[] {
  const imports = /\bimport (?:type )?(\{[^}]*\}|[^{;\n]*?) from 'yaml'|\bimport\('(yaml)'\)/g
  return [...text.matchAll(imports)]
    .flatMap(([, names = 'import()']) => names.replaceAll(/[{}\s]/g, '').split(','))
    .filter(name => name !== '' && name !== 'stringify')
}

test('only config-reading reads configurations: no other package parses YAML', async t => {
  const readers = sources
    .filter(name => !name.startsWith('packages/config-reading/') && !otherYaml.has(name))
    .flatMap(name => yamlReadersIn(read(name)).map(found => `${name}: ${found}`))
  t.same(readers, [])
  for (const name of otherYaml) t.ok(yamlReadersIn(read(name)).length > 0, `${name} still does`)
  const broken = `import { parseDocument, stringify } from 'yaml'\nimport YAML from 'yaml'\nawait import('yaml')\n`
  t.same(yamlReadersIn(broken), ['parseDocument', 'YAML', 'import()'])
  t.same(yamlReadersIn("import { stringify } from 'yaml'\n"), [])
})
