import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { test } from 'tap'
import { lockState } from '../src/state-lock.ts'

function createLog() {
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  return { logger, messages: () => lines.map(line => (JSON.parse(line) as { msg: string }).msg) }
}

test('Only one agent can hold the state', async t => {
  const dir = t.testdir()
  const { logger, messages } = createLog()
  const positions = join(dir, 'run', 'positions.yaml')
  const buffer = join(dir, 'wal')
  const first = await lockState({ positions, buffer, logger })
  t.match(readFileSync(`${positions}.lock`, 'utf8'), `"pid":${process.pid}`)
  await t.rejects(lockState({ positions, buffer: undefined, logger }), {
    code: 'DIRECTORY_LOCKED',
    message: new RegExp(
      `^Cannot use the positions file ${positions}: process ${process.pid} on host `,
    ),
  })
  const other = join(dir, 'other.yaml')
  await t.rejects(lockState({ positions: other, buffer, logger }), {
    message: new RegExp(`^Cannot use the disk buffer ${buffer}: process ${process.pid} on host `),
  })
  const alone = await lockState({ positions: other, buffer: undefined, logger })
  await alone.release()
  await first.release()
  const second = await lockState({ positions, buffer, logger })
  await second.release()
  t.same(messages(), [])
})

test('An agent waits for one in another container', async t => {
  const positions = join(t.testdir(), 'positions.yaml')
  const { logger, messages } = createLog()
  const first = await lockState({ positions, buffer: undefined, logger })
  const holder = { pid: 1, host: 'agent-before', pidNamespace: '', role: 'agent' }
  writeFileSync(`${positions}.lock`, JSON.stringify(holder))
  const waiting = lockState({ positions, buffer: undefined, logger })
  await sleep(400)
  t.same(messages(), [`Waiting for the positions file ${positions}: another process has it`])
  await first.release()
  const second = await waiting
  await second.release()
})

test('An agent runs even if nothing is writable, and says so', async t => {
  const dir = t.testdir({ file: 'x' })
  const positions = join(dir, 'file', 'positions.yaml')
  const { logger, messages } = createLog()
  const lock = await lockState({ positions, buffer: undefined, logger })
  t.same(messages(), [`Cannot lock the positions file ${positions}: the agent runs without state`])
  t.notOk(existsSync(positions))
  await lock.release()
})
