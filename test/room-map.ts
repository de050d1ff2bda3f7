// The rooms of a package: the files and folders right below its `src`. They are on floors, and a room imports
// only from the floors below it. The tests of each package state its floors.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** The rooms from the top floor down. */
export type Floors = readonly (readonly string[])[]

/** An import, by paths below `src`. */
export interface Import {
  readonly from: string
  readonly to: string
}

/** The text of each file, by its path below `src`. */
export type Sources = Readonly<Record<string, string>>

/** Reads the source files of the package whose test calls this, given that test's `import.meta.url`. */
export function readSources(testUrl: string): Sources {
  const source = fileURLToPath(new URL('../src', testUrl))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter(file => /\.tsx?$/.test(file))
    .sort()
  return Object.fromEntries(files.map(file => [file, readFileSync(join(source, file), 'utf8')]))
}

/** Returns the imports of every file, including types and lazy ones. */
export function importsOf(sources: Sources): Import[] {
  return Object.entries(sources).flatMap(([from, text]) =>
    [...text.matchAll(/(?:from |import )\(?'(\.[^']+\.tsx?)'|import\('(\.[^']+\.tsx?)'/g)].map(
      ([, path, lazy]) => ({ from, to: join(dirname(from), (path ?? lazy)!) }),
    ),
  )
}

/** Returns the rooms that are on no floor or on two, and the names on floors that are no room. */
export function misplaced(sources: Sources, floors: Floors): string[] {
  const rooms = new Set(Object.keys(sources).map(roomOf))
  const placed = floors.flat()
  const homeless = [...rooms]
    .filter(room => !placed.includes(room))
    .map(room => `${room}: no floor`)
  const gone = placed.filter(room => !rooms.has(room)).map(room => `${room}: no room`)
  const twice = placed
    .filter((room, i) => placed.indexOf(room) < i)
    .map(room => `${room}: two floors`)
  return [...homeless, ...gone, ...twice]
}

/** Returns the imports into another room that is not on a floor below. */
export function upward(sources: Sources, floors: Floors): string[] {
  const floorOf = (file: string) => floors.findIndex(rooms => rooms.includes(roomOf(file)))
  return importsOf(sources)
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && floorOf(to) <= floorOf(from))
    .map(({ from, to }) => `${from} imports ${to}`)
}

/** Returns the files that import themselves through others. */
export function circular(sources: Sources): string[] {
  const targets = Map.groupBy(importsOf(sources), ({ from }) => from)
  const reach = (file: string, seen: Set<string>): Set<string> => {
    for (const { to } of targets.get(file) ?? []) if (!seen.has(to)) reach(to, seen.add(to))
    return seen
  }
  return Object.keys(sources).filter(file => reach(file, new Set()).has(file))
}

/** Adds the tests of a package's rooms. */
export function testRooms(
  tap: Pick<Test, 'test'>,
  {
    name,
    testUrl,
    floors,
  }: { readonly name: string; readonly testUrl: string; readonly floors: Floors },
): void {
  const sources = readSources(testUrl)
  void tap.test(`Each room of ${name} imports only from the floors below it`, t => {
    t.ok(Object.keys(sources).length > 0)
    t.same(misplaced(sources, floors), [])
    t.same(upward(sources, floors), [])
    const [[top], [bottom]] = [floors[0]!, floors.at(-1)!]
    const broken = { ...sources, [bottom!]: `import type { A } from './${top}'` }
    t.same(upward(broken, floors), [`${bottom} imports ${top}`], 'an import upwards is found')
    t.end()
  })
  void tap.test(`No file of ${name} imports itself through others`, t => {
    t.same(circular(sources), [])
    const [from, to] = firstImport(sources)
    const back = { ...sources, [to]: `${sources[to]}\nimport { a } from '${wayBack(to, from)}'\n` }
    t.ok(circular(back).includes(from), 'an import back is found')
    t.end()
  })
}

function firstImport(sources: Sources): readonly [string, string] {
  const { from, to } = importsOf(sources).find(({ to }) => sources[to] !== undefined)!
  return [from, to]
}

function wayBack(to: string, from: string): string {
  return `./${'../'.repeat(to.split('/').length - 1)}${from}`
}

function roomOf(file: string): string {
  return file.split('/', 1)[0]!
}
