// The benchmark's cold cache: the system really forgets the files of a directory.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { forgetFiles } from '../bench/cold.ts'

const hasFincore = spawnSync('fincore', ['--version']).error === undefined
const needsFincore = hasFincore ? {} : { skip: 'there is no fincore on the PATH' }

function cachedBytes(file: string): number {
  return Number(
    execFileSync('fincore', ['--bytes', '--noheadings', '--output=RES', file], {
      encoding: 'utf8',
    }),
  )
}

test('forgetting the files of a directory takes them out of the cache', needsFincore, async t => {
  const dir = t.testdir({ below: {} })
  const files = [join(dir, 'written'), join(dir, 'below', 'read')]
  for (const file of files) {
    writeFileSync(file, Buffer.alloc(4_000_000, file))
    t.ok(cachedBytes(file) > 0, `${file} is in the cache`)
  }
  t.equal(forgetFiles(dir), undefined)
  for (const file of files) {
    t.equal(cachedBytes(file), 0, `${file} is not`)
    t.ok(readFileSync(file).equals(Buffer.alloc(4_000_000, file)), 'and has what was written')
  }
})
