import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { lockDirectory } from '../src/directory-lock.ts'

const onUnsupported = (why: Error) => {
  throw why
}

/** Starts a process that holds the lock. It ends with the test. */
async function holdElsewhere(t: Test, path: string): Promise<ChildProcess> {
  const script = new URL('fixtures/lock-holder.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test('only one holder has a lock, even within a process', async t => {
  const path = join(t.testdir(), 'lock')
  const first = await lockDirectory({
    path,
    what: 'data directory /x',
    role: 'store',
    onUnsupported,
  })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(JSON.parse(readFileSync(path, 'utf8')), {
    pid: process.pid,
    host: hostname(),
    role: 'store',
  })
  await t.rejects(
    lockDirectory({ path, what: 'data directory /x', role: 'store', onUnsupported }),
    {
      code: 'DIRECTORY_LOCKED',
      message: `Cannot use the data directory /x: process ${process.pid} on host ${hostname()} is using it; stop that process, or use another directory`,
    },
  )
  await first.release()
  await first.release()
  const second = await lockDirectory({
    path,
    what: 'data directory /x',
    role: 'store',
    onUnsupported,
  })
  await second.release()
})

test('a lock ends with its process, even if that is killed', async t => {
  const path = join(t.testdir(), 'lock')
  const child = await holdElsewhere(t, path)
  const onWait = () => void t.fail('a process of this host is not waited for')
  await t.rejects(
    lockDirectory({ path, what: 'data directory', role: 'store', onUnsupported, onWait }),
    {
      message: new RegExp(`process ${child.pid} on host`),
    },
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await lockDirectory({ path, what: 'data directory', role: 'store', onUnsupported })
  t.match(readFileSync(path, 'utf8'), `"pid":${process.pid}`)
  await lock.release()
})

test('a lock waits for a process of another host or container, and takes over', async t => {
  for (const elsewhere of [
    { pid: 1, host: 'store-before', pidNamespace: '' },
    { pid: 1, host: hostname(), pidNamespace: 'pid:[1]' },
  ]) {
    const path = join(t.testdir(), 'lock')
    const child = await holdElsewhere(t, path)
    writeFileSync(path, JSON.stringify({ ...elsewhere, role: 'store' }))
    const waits: unknown[] = []
    const taking = lockDirectory({
      ...{ path, what: 'data directory', role: 'store', onUnsupported },
      onWait: holder => {
        waits.push(holder)
        setTimeout(() => child.kill('SIGKILL'), 600)
      },
    })
    const lock = await taking
    t.match(waits, [elsewhere], 'reported once')
    t.match(readFileSync(path, 'utf8'), `"pid":${process.pid}`)
    await lock.release()
  }
})

test('its signal aborts the wait', async t => {
  const path = join(t.testdir(), 'lock')
  await holdElsewhere(t, path)
  writeFileSync(path, 'nobody knows')
  const stop = new AbortController()
  const taking = lockDirectory({
    ...{ path, what: 'data directory', role: 'store', onUnsupported, signal: stop.signal },
    onWait: holder => {
      t.equal(holder, undefined)
      stop.abort(new Error('asked to stop'))
    },
  })
  await t.rejects(taking, { name: 'AbortError' })
})
