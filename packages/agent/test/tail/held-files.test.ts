import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import type { Agent } from '../../src/index.ts'
import { heldPerPathMax } from '../../src/limits.ts'
import { type HeldFile, HeldFiles } from '../../src/tail/held-files.ts'
import {
  configText,
  type Receiver,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'

test('HeldFiles closes the files held longest', async t => {
  const held = new HeldFiles(2)
  const released: string[] = []
  const hold = (name: string, isBusy = false) => {
    const file: HeldFile = {
      release() {
        if (isBusy) return false
        released.push(name)
        held.delete(file)
        return true
      },
    }
    held.add(file)
  }
  hold('busy', true)
  hold('first')
  t.strictSame(released, [])
  hold('second')
  hold('third')
  t.strictSame(released, ['first', 'second'], 'but not one that is being read')
})

/** Reading has stopped in the middle of a first file. `rotate` adds further ones. */
interface Backlog {
  readonly directory: string
  readonly path: string
  readonly agent: Agent
  readonly receiver: Receiver
  /** Renames the log and writes a new one. Resolves once the agent has found it. */
  rotate(name: string, content: string): Promise<void>
}

async function startBacklog(t: Test): Promise<Backlog> {
  const directory = t.testdir({ 'a.log': '' })
  const path = `${directory}/a.log`
  const receiver = await startReceiver(t)
  receiver.respond(503)
  // More than the agent keeps in memory.
  const noise = () => randomBytes(750).toString('base64')
  appendFileSync(path, text(Array.from({ length: 30_000 }, (_, i) => `noise ${noise()} ${i}`)))
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  const readOffset = () => agent.files()[0]?.readOffset ?? 0
  await waitFor(async () => {
    const before = readOffset()
    await new Promise(resolve => setTimeout(resolve, 300))
    return before > 1_000_000 && readOffset() === before
  })
  t.ok(readOffset() < statSync(path).size, 'reading stopped before the end')
  return {
    ...{ directory, path, agent, receiver },
    async rotate(name, content) {
      renameSync(path, `${path}.${name}`)
      writeFileSync(path, content)
      await waitFor(() => openFiles(directory).includes(path))
    },
  }
}

/** Returns the names of this process's open files in a directory. */
function openFiles(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`)
      return name.startsWith(`${directory}/a.log`) ? [name] : []
    } catch {
      // Closed meanwhile.
      return []
    }
  })
}

async function metric(agent: Agent, name: string): Promise<string | undefined> {
  const metrics = await agent.metrics.registry.metrics()
  return new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]
}

const names = Array.from({ length: 20 }, (_, i) => `202401${10 + i}`)

test('Agent holds a bounded number of rotated files, and finds the others again', async t => {
  const { directory, path, agent, receiver, rotate } = await startBacklog(t)
  for (const [i, name] of names.entries()) {
    await rotate(name, `n ${i}\n`)
    if (i % 3 !== 2) continue
    const rotated = `${path}.${names[i - 1]}`
    writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)))
    rmSync(rotated)
  }
  await waitFor(() => openFiles(directory).length <= heldPerPathMax + 1)
  t.ok(Number(await metric(agent, 'skald_agent_unheld_bytes')) > 1_000_000)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.some(({ line }) => line === `n ${names.length - 1}`))
  const found = receiver.entries.map(({ line }) => line.replace(/ .* /, ' '))
  const noise = Array.from({ length: 30_000 }, (_, i) => `noise ${i}`)
  const wanted = [...noise, ...names.map((_, i) => `n ${i}`)]
  t.ok(found.join() === wanted.join(), 'every line came once and in order')
  t.equal(await metric(agent, 'skald_agent_unheld_bytes'), '0')
  t.equal(await metric(agent, 'skald_agent_lost_bytes_total'), '0')
  await agent.stop()
})

test('Agent counts what was deleted while it could not be held open', async t => {
  const { path, agent, receiver, rotate } = await startBacklog(t)
  for (const [i, name] of names.entries()) await rotate(name, `n ${i}\n`)
  // The first of them has the noise, the second and third have one line each.
  rmSync(`${path}.${names[1]}`)
  // Its inode may be reused at once.
  await rotate('20240130', 'n 20\n')
  rmSync(`${path}.${names[2]}`)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.some(({ line }) => line === 'n 20'))
  t.equal(await metric(agent, 'skald_agent_lost_bytes_total'), '8')
  t.equal(await metric(agent, 'skald_agent_unheld_bytes'), '0')
  t.strictSame(
    receiver.entries.slice(30_000).map(({ line }) => line),
    Array.from({ length: 19 }, (_, i) => `n ${i + 2}`),
  )
  await agent.stop()
})
