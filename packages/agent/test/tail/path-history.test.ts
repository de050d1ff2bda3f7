import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pino } from 'pino'
import { type Test, test } from 'tap'
import { identityKey } from '../../src/tail/file-identity.ts'
import { KnownFiles } from '../../src/tail/known-files.ts'
import { type FileToRead, PathHistory } from '../../src/tail/path-history.ts'
import { TailedFile } from '../../src/tail/tailed-file.ts'
import { TimeJournal } from '../../src/tail/time-journal.ts'

const logger = pino({ level: 'silent' })

function openKnown(directory: string) {
  const journal = new TimeJournal(`${directory}/positions.yaml.times`)
  const known = new KnownFiles({
    ...{ path: `${directory}/positions.yaml`, syncPeriodMs: 60_000, ignoresInvalidYaml: false },
    ...{ journal, logger, nowMs: Date.now },
  })
  return { journal, known }
}

/** The history of `a.log` in a directory with these files; `a.log.1` of it is known already. */
function startHistory(t: Test, files: Readonly<Record<string, string>>) {
  const directory = t.testdir({ ...files, 'a.log.20260101-000001': 'first\n' })
  const { journal, known } = openKnown(directory)
  const path = `${directory}/a.log`
  const history = new PathHistory({ path, scope: 's', known, logger, report: () => {} })
  /** Takes a file as a tailer does. */
  const take = ({ record, opened, gzipPath }: FileToRead): string => {
    const file = new TailedFile({
      ...{ record, opened, journal, ...(gzipPath === undefined ? {} : { gzipPath }) },
      openConsumer: () => t.fail('nothing is read') as never,
      events: { onLines: () => {}, onSkippedLine: () => {}, onDamage: () => {} },
    })
    known.opened(file)
    t.teardown(() => file.close())
    return basename(record.foundAt)
  }
  t.teardown(() => known.close())
  const first = `${path}.20260101-000001`
  renameSync(first, path)
  for (const file of history.current()) take(file)
  renameSync(path, first)
  writeFileSync(path, 'last\n')
  const unseen = () => history.unseen(identityKey(statSync(path, { bigint: true })))
  return { directory, path, known, take, unseen }
}

function compress(path: string, content: string): void {
  writeFileSync(`${path}.gz`, gzipSync(content))
  rmSync(path)
}

test('PathHistory finds a file that is compressed while it looks for unseen ones', async t => {
  const { path, take, unseen } = startHistory(t, {
    'a.log.20260101-000002': 'second\n',
    'a.log.20260101-000003': 'third\n',
    'a.log.20260101-000004': 'fourth\n',
  })
  const taken: string[] = []
  for (const file of unseen()) {
    taken.push(take(file))
    if (taken.length === 1) compress(`${path}.20260101-000003`, 'third\n')
  }
  t.strictSame(taken, [
    'a.log.20260101-000002',
    'a.log.20260101-000003.gz',
    'a.log.20260101-000004',
  ])
})

test('PathHistory takes a file once that is there compressed and not', async t => {
  const { path, take, unseen } = startHistory(t, { 'a.log.20260101-000002': 'second\n' })
  writeFileSync(`${path}.20260101-000002.gz`, gzipSync('second\n'))
  t.strictSame(Array.from(unseen(), take), ['a.log.20260101-000002'])
})

test('PathHistory finds what came after the last search and was rotated before the next start', async t => {
  const { directory, known, take } = startHistory(t, {})
  known.beginSearches('lane')
  known.searched('lane', Date.now())
  await new Promise(resolve => setTimeout(resolve, 50))
  const other = `${directory}/b.log`
  writeFileSync(other, 'first\n')
  renameSync(other, `${other}.20260101-000001`)
  writeFileSync(other, 'second\n')
  await new Promise(resolve => setTimeout(resolve, 50))
  known.save()
  const next = openKnown(directory).known
  const options = { path: other, scope: 's', known: next, logger, report: () => {} }
  const key = identityKey(statSync(other, { bigint: true }))
  const found = [...new PathHistory(options).unseen(key)].map(file => take(file))
  t.strictSame(found, ['b.log.20260101-000001'])
})
