// A reader finds every bound of the agent in one place.

import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'

const source = new URL('../src/', import.meta.url)

// Sizes fixed by a format: that of the time in a Docker record.
const ofFormats = ['timeBytesMin', 'timeBytesMax']

/** Returns the names of the bounds that a file declares. */
function boundsIn(text: string): string[] {
  const declared = /^(?:export )?const (\w+(?:Max|Min|Ms|Limits?|Backoff)) = (?:[\d{]|new Map)/gm
  return [...text.matchAll(declared)].map(([, name]) => name!)
}

test('The bounds of the agent are in limits.ts', t => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter(name => name.endsWith('.ts') && name !== 'limits.ts')) {
    const bounds = boundsIn(readFileSync(new URL(file, source), 'utf8'))
    t.same(
      bounds.filter(name => !ofFormats.includes(name)),
      [],
      file,
    )
  }
  t.same(boundsIn('const lineBytesMax = 64\nconst waitMs = 5_000\nconst names = 3\n'), [
    'lineBytesMax',
    'waitMs',
  ])
  t.end()
})

test('Each bound says what it is for', t => {
  const lines = readFileSync(new URL('limits.ts', source), 'utf8').split('\n')
  for (const [i, line] of lines.entries()) {
    const [, name] = /^export const (\w+)/.exec(line) ?? []
    if (name) t.match(lines[i - 1], /^(\/\*\* .+)? \*\/$/, name)
  }
  t.end()
})
