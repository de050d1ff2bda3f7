// What `npm ci` installs: not too much, and without warnings.

import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'

const root = new URL('..', import.meta.url).pathname
const readJson = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))

interface Locked {
  readonly resolved?: string
  readonly link?: boolean
  readonly engines?: object
  readonly deprecated?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const locked = Object.entries<Locked>(readJson('package-lock.json').packages).filter(([path]) =>
  path.includes('node_modules/'),
)
const pathsOf = (condition: (entry: Locked) => unknown) =>
  locked.flatMap(([path, entry]) => (condition(entry) ? [path] : []))

const mebibyte = 1024 * 1024

/** Returns bytes on disk like du: a file with two names counts once. */
function bytesBelow(dir: string, seen = new Set<number>()): number {
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(dir, entry.name)
    const { blocks, ino } = lstatSync(path)
    if (seen.has(ino)) return sum
    seen.add(ino)
    return sum + blocks * 512 + (entry.isDirectory() ? bytesBelow(path, seen) : 0)
  }, 0)
}

// 350 MB without the page. Vite with its bundler, Playwright, axe and the libraries of the page take 40 MB, trimmed:
// docs/decisions/page/vite-and-preact.md.
const megabytesMax = 350 + 40

test(`npm ci installs at most ${megabytesMax} MB`, async t => {
  const modules = join(root, 'node_modules')
  // The compile cache of earlier runs is not part of the installation.
  const brought = readdirSync(modules).filter(name => name !== '.cache')
  const bytes = brought.reduce((sum, name) => {
    const path = join(modules, name)
    return sum + (lstatSync(path).isDirectory() ? bytesBelow(path) : 0)
  }, 0)
  t.comment(`${Math.round(bytes / mebibyte)} MB`)
  t.ok(bytes < megabytesMax * mebibyte, `${bytes} bytes`)
})

test('npm ci prints no warnings', async t => {
  t.same(
    pathsOf(({ engines }) => engines),
    [],
    'which Node runs them is our matter, not that of the Node that npm runs on: npm run release -- lockfile',
  )
  t.same(
    pathsOf(({ deprecated }) => deprecated),
    [],
  )
  const { allowScripts } = readJson('package.json') as { allowScripts: Record<string, boolean> }
  const undecided = pathsOf(({ hasInstallScript }) => hasInstallScript).filter(
    path => allowScripts[path.split('node_modules/').at(-1)!] === undefined,
  )
  t.same(undecided, [], 'each install script is allowed or refused')
})

test('the lockfile names no registry', async t => {
  t.same(
    pathsOf(({ resolved, link }) => resolved && !link),
    [],
  )
})

test('npm ci takes the lockfile: it has every optional package that it names', async t => {
  const names = new Set(locked.map(([path]) => path.split('node_modules/').at(-1)!))
  const missing = locked.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(name => !names.has(name))
      .map(name => `${path} wants ${name}`),
  )
  t.same(missing, [], 'npm run -s release -- lockfile')
})
