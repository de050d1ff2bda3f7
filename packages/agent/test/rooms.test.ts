// The rooms of the agent, from the top floor down. A room imports only from the floors below it, so no
// import runs back up and no two rooms know each other. Within a room, no two files do either.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'

const source = new URL('../src', import.meta.url).pathname

const floors = [
  ['index.ts'],
  ['command.ts'],
  ['agent.ts'],
  ['lane.ts'],
  ['inspect', 'http', 'reload.ts'],
  ['config'],
  ['discovery', 'tail', 'sources'],
  ['pipeline', 'targets'],
  ['push', 'config-reading'],
  ['line', 'files', 'net', 'metrics', 'state-lock.ts', 'config-watch.ts', 'repeated-task.ts'],
  ['errors.ts', 'limits.ts'],
]

interface Import {
  readonly from: string
  readonly to: string
}

/** Returns the imports of every file, including types and lazy ones, by paths below `src`. */
function importsOf(files: readonly string[], textOf: (file: string) => string): Import[] {
  return files.flatMap(from =>
    [...textOf(from).matchAll(/(?:from |import\()'(\.[^']+\.ts)'/g)].map(([, path]) => ({
      from,
      to: join(dirname(from), path!),
    })),
  )
}

function roomOf(file: string): string {
  return file.split('/', 1)[0]!
}

function floorOf(room: string): number {
  return floors.findIndex(rooms => rooms.includes(room))
}

/** Returns imports into another room that is not on a floor below. */
function upward(imports: readonly Import[]): string[] {
  return imports
    .filter(({ from, to }) => roomOf(from) !== roomOf(to))
    .filter(({ from, to }) => floorOf(roomOf(to)) <= floorOf(roomOf(from)))
    .map(({ from, to }) => `${from} imports ${to}`)
}

/** Returns files that import themselves through others. */
function circular(imports: readonly Import[]): string[] {
  const reach = (file: string, seen: Set<string>): Set<string> => {
    for (const { from, to } of imports) {
      if (from === file && !seen.has(to)) reach(to, seen.add(to))
    }
    return seen
  }
  return [...new Set(imports.map(({ from }) => from))].filter(file =>
    reach(file, new Set()).has(file),
  )
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(file =>
  file.endsWith('.ts'),
)
const imports = importsOf(files, file => readFileSync(join(source, file), 'utf8'))

test('Each room of the agent imports only from the floors below it', t => {
  for (const file of files) t.ok(floorOf(roomOf(file)) >= 0, `${file} is on a floor`)
  t.same(upward(imports), [])
  const broken = importsOf(['push/queue.ts'], () => `import type { A } from '../tail/tailer.ts'`)
  t.same(upward(broken), ['push/queue.ts imports tail/tailer.ts'], 'it would be found')
  t.end()
})

test('No file of the agent imports itself through others', t => {
  t.same(circular(imports), [])
  const texts: Record<string, string> = {
    'a.ts': `import { b } from './b.ts'`,
    'b.ts': `const a = await import('./a.ts')`,
  }
  t.same(circular(importsOf(Object.keys(texts), file => texts[file]!)), ['a.ts', 'b.ts'])
  t.end()
})

test('The agent knows nothing of queries or of the store', t => {
  const named = files.filter(file =>
    /'@skald\/(query|store)/.test(readFileSync(join(source, file), 'utf8')),
  )
  t.same(named, [])
  t.end()
})
