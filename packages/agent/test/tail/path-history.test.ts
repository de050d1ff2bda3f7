import { closeSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { pino } from 'pino'
import { type Test, test } from 'tap'
import { KnownFiles } from '../../src/tail/known-files.ts'
import { type FileToRead, PathHistory } from '../../src/tail/path-history.ts'
import { TailedFile } from '../../src/tail/tailed-file.ts'
import { TimeJournal } from '../../src/tail/time-journal.ts'
import { fillDirectory } from './large-directory.ts'

const logger = pino({ level: 'silent' })

function openKnown(directory: string) {
  const journal = new TimeJournal({ path: `${directory}/positions.yaml.times`, logger })
  const known = new KnownFiles({
    ...{ path: `${directory}/positions.yaml`, syncPeriodMs: 60_000, ignoresInvalidYaml: false },
    ...{ journal, logger, wallMs: Date.now },
  })
  return { journal, known }
}

const noReports = { report: () => {}, onLost: () => {}, onAway: () => {} }

/** Starts the history of `a.log` in a directory with these files. `a.log.1` is already known. */
function startHistory(t: Test, files: Readonly<Record<string, string>>) {
  const directory = t.testdir({ 'a.log': 'first\n' })
  const { journal, known } = openKnown(directory)
  const path = `${directory}/a.log`
  const history = new PathHistory({ path, scope: 's', known, logger, ...noReports })
  /** Takes a file like a tailer. */
  const take = ({ record, opened, gzipPath }: FileToRead): string => {
    const file = new TailedFile({
      ...{ record, opened, journal, ...(gzipPath === undefined ? {} : { gzipPath }) },
      openConsumer: () => t.fail('nothing is read') as never,
      events: {
        onLines: () => {},
        onSkippedLine: () => {},
        onSkipped: () => {},
        onDamage: () => {},
      },
    })
    known.opened(file)
    t.teardown(() => file.close())
    return basename(record.foundAt)
  }
  t.teardown(() => known.close())
  for (const file of history.latest()) take(file)
  renameSync(path, `${path}.20260101-000001`)
  for (const [name, content] of Object.entries(files))
    writeFileSync(`${directory}/${name}`, content)
  writeFileSync(path, 'last\n')
  return { directory, path, known, take, latest: () => history.latest() }
}

function compress(path: string, content: string): void {
  writeFileSync(`${path}.gz`, gzipSync(content))
  rmSync(path)
}

test('PathHistory finds a file that is compressed while it searches for unseen ones', async t => {
  const { path, take, latest } = startHistory(t, {
    'a.log.20260101-000002': 'second\n',
    'a.log.20260101-000003': 'third\n',
    'a.log.20260101-000004': 'fourth\n',
  })
  const taken: string[] = []
  // A listing that took long, as on a busy machine, delays the next one.
  for (let round = 0; taken.at(-1) !== 'a.log' && round < 500; round++) {
    for (const file of latest()) {
      taken.push(take(file))
      if (taken.length === 1) compress(`${path}.20260101-000003`, 'third\n')
    }
    await sleep(10)
  }
  t.strictSame(taken, [
    'a.log.20260101-000002',
    'a.log.20260101-000003.gz',
    'a.log.20260101-000004',
    'a.log',
  ])
})

test('PathHistory takes a file once that exists both compressed and plain', async t => {
  const { path, take, latest } = startHistory(t, { 'a.log.20260101-000002': 'second\n' })
  writeFileSync(`${path}.20260101-000002.gz`, gzipSync('second\n'))
  const taken: string[] = []
  // As above.
  for (let round = 0; taken.at(-1) !== 'a.log' && round < 500; round++) {
    taken.push(...Array.from(latest(), take))
    await sleep(10)
  }
  t.strictSame(taken, ['a.log.20260101-000002', 'a.log'])
})

test('PathHistory finds a file that came after the last search and was rotated before the next start', async t => {
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
  const options = { path: other, scope: 's', known: next, logger, ...noReports }
  const found = Array.from(new PathHistory(options).latest(), take)
  t.strictSame(found, ['b.log.20260101-000001', 'b.log'])
})

test('PathHistory returns the file that was there at the beginning, even if it is rotated meanwhile', async t => {
  const { path, take, latest } = startHistory(t, { 'a.log.20260101-000002': 'second\n' })
  const taken: string[] = []
  for (const file of latest()) {
    if (taken.length === 0) {
      renameSync(path, `${path}.20260101-000003`)
      writeFileSync(path, 'later\n')
    }
    const size = Number(file.opened.stats.size)
    taken.push(`${take(file)} ${size}`)
  }
  t.strictSame(taken, ['a.log.20260101-000002 7', 'a.log 5'], 'last, and not later')
})

test('PathHistory continues with a known file that is rotated after the start has passed it', async t => {
  const { directory, path, known, latest, take } = startHistory(t, {})
  for (const file of latest()) take(file)
  known.save()
  const next = openKnown(directory).known
  const history = new PathHistory({ path, scope: 's', known: next, logger, ...noReports })
  const resumed: string[] = []
  for (const { record, opened } of history.resume()) {
    t.teardown(() => closeSync(opened.fd))
    resumed.push(basename(record.foundAt))
    // Even during the iteration: the file that was current at its start is not one of the others.
    renameSync(path, `${path}.20260101-000002`)
    writeFileSync(path, 'newest\n')
  }
  t.strictSame(
    resumed,
    ['a.log.20260101-000001'],
    'the current file is left to be opened by its path',
  )
  const found = Array.from(history.latest(), ({ record, role, opened }) => {
    t.teardown(() => closeSync(opened.fd))
    return `${basename(record.foundAt)} ${role}`
  })
  t.ok(found.includes('a.log.20260101-000002 rotated'), found.join())
  t.equal(found.at(-1), 'a.log current')
})

test('PathHistory in a slow directory returns later what it opened at once', async t => {
  const { directory, path, known, take, latest } = startHistory(t, {})
  fillDirectory(directory)
  known.lists.fresh(directory)
  t.strictSame(Array.from(latest(), take), [], 'the directory was listed just now')
  // Rotated once more, and deleted, before the next check.
  rmSync(path)
  writeFileSync(path, 'another\n')
  writeFileSync(`${path}.20260101-000002`, 'came between\n')
  const found: string[] = []
  while (found.length === 0) {
    await new Promise(resolve => setTimeout(resolve, 5))
    for (const file of latest()) {
      found.push(readFileSync(`/dev/fd/${file.opened.fd}`, 'utf8'))
      take(file)
    }
  }
  t.strictSame(found, ['came between\n', 'last\n'])
  const history = new PathHistory({ path, scope: 't', known, logger, ...noReports })
  known.lists.fresh(directory)
  t.strictSame([...history.latest()], [])
  t.ok(history.isWaiting)
  history.close()
  t.notOk(history.isWaiting)
  // So that closing writes nothing while the directory is being removed.
  known.save()
})
