import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { OldFiles } from '../../src/scaled/old-files.ts'
import { createTestLogger } from '../harness.ts'

test('old files are moved away at once, and deleted later', async t => {
  const dir = t.testdir()
  const { logger } = createTestLogger()
  const segments = join(dir, 'segments')
  const fill = () => {
    mkdirSync(segments)
    writeFileSync(join(segments, 'a'), 'a')
    symlinkSync('nowhere', join(segments, 'b'))
  }
  fill()
  const killed = new OldFiles(dir, logger)
  await killed.take(segments)
  t.notOk(existsSync(segments))
  t.equal(readdirSync(join(dir, 'old')).length, 1)
  fill()
  const next = new OldFiles(dir, logger)
  await next.take(segments)
  await next.take(join(dir, 'missing'))
  t.equal(readdirSync(join(dir, 'old')).length, 2, 'those of the killed one are still there')
  next.startDeleting()
  for (let tries = 0; readdirSync(join(dir, 'old')).length > 0 && tries < 500; tries++)
    await new Promise(resolve => setTimeout(resolve, 10))
  t.same(readdirSync(join(dir, 'old')), [])
  await next.close()
})
