// The tree keeps its promises: names that say what a file holds, no file that nobody imports, pages
// that link to what is there, tests that all run.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'tap'

const root = new URL('..', import.meta.url).pathname
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(name => name !== '' && existsSync(join(root, name)))
const read = (name: string) => readFileSync(join(root, name), 'utf8')
const sources = files.filter(name => /^packages\/[^/]+\/src\/.*\.ts$/.test(name))

test('no file is named for being a heap of things', async t => {
  const heaps = /(^|\/)(utils?|common|helpers?|misc|data|info|types)(\.ts)?(\/|$)/
  t.same(
    sources.filter(name => heaps.test(name)),
    [],
  )
})

test('every source file is reached from a main.ts, a worker or what a package exports', async t => {
  const reached = new Set<string>()
  const exported = files
    .filter(name => /^packages\/[^/]+\/package\.json$/.test(name))
    .flatMap(name => {
      const { exports = [] } = JSON.parse(read(name)) as { exports?: string | object }
      const paths: string[] = typeof exports === 'string' ? [exports] : Object.values(exports)
      return paths.map(path => normalize(join(dirname(name), path)))
    })
  const waiting = [...sources.filter(name => name.endsWith('/main.ts')), ...exported]
  while (waiting.length > 0) {
    const name = waiting.pop()!
    if (reached.has(name)) continue
    reached.add(name)
    for (const match of read(name).matchAll(/(?:from|import\(?|URL\()\s*'(\.[^']+\.ts)'/g)) {
      waiting.push(normalize(join(dirname(name), match[1]!)))
    }
  }
  t.same(
    sources.filter(name => !reached.has(name) && !name.endsWith('.d.ts')),
    [],
  )
})

test('no test is narrowed or left out without a reason', async t => {
  const narrowed = files
    .filter(name => name.endsWith('.test.ts') && name !== 'test/tidy.test.ts')
    .filter(name => /\b(test|t)\.(only|todo)\(|\bonly: true|\btodo: /.test(read(name)))
  t.same(narrowed, [])
})

test('links between the documents lead somewhere', async t => {
  for (const name of files.filter(file => file.endsWith('.md'))) {
    for (const [, target = ''] of read(name).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      t.ok(existsSync(join(root, dirname(name), target)), `${name}: ${target}`)
    }
  }
})

test('ARCHITECTURE.md names files that are there', async t => {
  const named = [...read('ARCHITECTURE.md').matchAll(/`(packages\/[^`*]+)`/g)].map(
    ([, name]) => name!,
  )
  t.ok(named.length > 10)
  for (const name of named) t.ok(existsSync(join(root, name)), name)
})

/** Consts of a file that bound something: a plain number whose name ends as those of bounds do. */
function boundsIn(text: string): string[] {
  const bound =
    /^(?:export )?const (\w+(?:Max|Least|Ms|AtOnce))(?:: \w+)? = [-\d_n *+()]*\d[-\d_n *+()]*$/gm
  return [...text.matchAll(bound)].map(([, name]) => name!)
}

test('bounds of store and wire stand in their limits.ts', async t => {
  const rooms = /^packages\/(store|wire)\/src\/(?!limits\.ts$|scan\/|tail\/)/
  const elsewhere = sources
    .filter(name => rooms.test(name))
    .flatMap(name => boundsIn(read(name)).map(bound => `${name}: ${bound}`))
  t.same(elsewhere, [
    // The unit of a time is guessed by it; nothing is bounded.
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

/** Packages that a text imports, and whether it needs them when it runs. */
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

/** Dependencies that a package declares and does not import, and the other way round. */
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

/** What a text takes from outside: clocks, files, sockets, the process. */
function outsideOf(text: string): string[] {
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const outside =
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\b|'node:(?:fs|net|http|https|dgram|tls|dns|os|child_process|worker_threads|timers|perf_hooks)[^']*'/g
  return [...new Set([...code.matchAll(outside)].map(([found]) => found))]
}

test('go-dialect and query are pure: no clock, no files, no sockets of their own', async t => {
  const impure = sources
    .filter(name => /^packages\/(go-dialect|query)\/src\//.test(name))
    .flatMap(name => outsideOf(read(name)).map(found => `${name}: ${found}`))
  t.same(impure, [
    // `now` in a template, where the caller gives no time.
    'packages/go-dialect/src/template/run.ts: Date.now',
    // Lets other work of the thread have its turn.
    'packages/query/src/pause.ts: setImmediate',
    "packages/query/src/pause.ts: 'node:timers/promises'",
    // Two functions that look at a text.
    "packages/query/src/syntax/ip-range.ts: 'node:net'",
  ])
  const broken =
    "import { readFileSync } from 'node:fs'\n// Date.now is not called.\nconst ns = Date.now()\n"
  t.same(outsideOf(broken), ["'node:fs'", 'Date.now'])
})
