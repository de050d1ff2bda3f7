// Chooses the quick tests: those of packages/*/test and test/ that import nothing, however far down, that can start a
// process, a thread or a server. There is no list to keep.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** Modules that start processes and threads, or open ports. */
const starters = new Set([
  ...['child_process', 'cluster', 'dgram', 'http', 'http2', 'https', 'tls', 'worker_threads'],
  'net',
])
/** What is harmless of them: calculations on addresses. */
const harmless = new Set(['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'])
/** Packages that start them for their callers. */
const starterPackages = new Set(['fastify'])

/** Returns the quick tests, as paths from the root of the repository. */
export function quickTests(): string[] {
  const tests = globSync(['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  return tests.filter(name => !starterOf(join(root, name))).sort()
}

/** Returns the first import that a file reaches and that can start something. */
export function starterOf(path: string): string | undefined {
  const waiting = [path]
  const seen = new Set(waiting)
  while (waiting.length > 0) {
    const file = waiting.pop()!
    for (const { name, names } of importsOf(file)) {
      if (canStart(name, names)) return `${name} in ${file}`
      const target = name.startsWith('.') ? resolve(dirname(file), name) : packageFiles.get(name)
      if (!target || seen.has(target) || !/\.(ts|mjs)$/.test(target)) continue
      seen.add(target)
      waiting.push(target)
    }
  }
  return undefined
}

function canStart(name: string, names: readonly string[]): boolean {
  if (starterPackages.has(name)) return true
  if (!name.startsWith('node:') || !starters.has(name.slice('node:'.length))) return false
  return names.length === 0 || !names.every(one => harmless.has(one))
}

interface Import {
  readonly name: string
  /** Imported values; none where the whole module is imported. */
  readonly names: readonly string[]
}

const imports = new Map<string, readonly Import[]>()

function importsOf(file: string): readonly Import[] {
  const known = imports.get(file)
  if (known) return known
  const found = existsSync(file) ? readImports(readFileSync(file, 'utf8')) : []
  imports.set(file, found)
  return found
}

function readImports(text: string): Import[] {
  const found: Import[] = []
  for (const [, what = '', name = ''] of text.matchAll(
    /^(?:import|export)\s+((?:type\s)?[^;'"]*?)\s+from\s+'([^']+)'/gm,
  )) {
    // Types are gone when the test runs.
    if (what.startsWith('type ')) continue
    const list = /^\{([^}]*)\}$/.exec(what)?.[1]
    const names = list?.split(',').map(one => one.trim().split(' as ')[0]!)
    const values = names?.filter(one => one !== '' && !one.startsWith('type '))
    if (values?.length === 0) continue
    found.push({ name, names: values ?? [] })
  }
  for (const [, ...parts] of text.matchAll(
    /^import\s+'([^']+)'|import\(\s*'([^']+)'|new URL\(\s*'(\.[^']+\.ts)'/gm,
  )) {
    found.push({ name: parts.find(part => part !== undefined)!, names: [] })
  }
  return found
}

/** Files that the names of the project's own packages lead to. */
const packageFiles = new Map(
  globSync('packages/*/package.json', { cwd: root }).flatMap(path => {
    const { name, exports = {} } = JSON.parse(readFileSync(join(root, path), 'utf8')) as {
      name: string
      exports?: string | Record<string, string>
    }
    const entries = Object.entries(typeof exports === 'string' ? { '.': exports } : exports)
    return entries.map(([key, file]) => [name + key.slice(1), join(root, dirname(path), file)])
  }),
)
