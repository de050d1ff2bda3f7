import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { configText, spawnAgent, startReceiver, text, waitFor } from '../harness.ts'

/** Returns the modes of a directory's content, by path. */
interface Mode {
  readonly path: string
  readonly mode: string
  readonly isDirectory: boolean
}

/** Returns what is in a directory. The agent replaces files meanwhile, so some may have gone. */
function modesOf(directory: string): Mode[] {
  const paths = readdirSync(directory, { recursive: true }) as string[]
  return paths.flatMap(path => {
    const stat = statSync(`${directory}/${path}`, { throwIfNoEntry: false })
    if (!stat) return []
    return { path, mode: (stat.mode & 0o777).toString(8), isDirectory: stat.isDirectory() }
  })
}

test('What the agent writes is private, and existing directories keep their modes', async t => {
  process.umask(0o022)
  const directory = t.testdir({ 'a.log': text(['one', 'two']) })
  const state = `${directory}/state`
  mkdirSync(state)
  chmodSync(state, 0o755)
  // As an older version, or Promtail, may have left them.
  for (const name of ['positions.yaml', 'positions.yaml.times', 'positions.yaml.new']) {
    writeFileSync(`${state}/${name}`, '', { mode: 0o644 })
  }
  writeFileSync(
    `${directory}/sd.json`,
    JSON.stringify([{ labels: { __path__: `${directory}/a.log` } }]),
  )
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const config = (positions: string) =>
    `${configText({ directory, url: receiver.url, top: 'wal: {enabled: true}' }).replace(
      `${directory}/positions.yaml`,
      positions,
    )}
  - job_name: sd
    file_sd_configs: [{files: ["${directory}/sd.json"]}]
`
  writeFileSync(`${directory}/agent.yaml`, config(`${state}/positions.yaml`))
  const child = await spawnAgent(t, `${directory}/agent.yaml`)
  const isStored = (place: string) =>
    (readdirSync(place, { recursive: true }) as string[]).some(name => name.endsWith('.batch'))
  await waitFor(() => isStored(state))
  await waitFor(() => readdirSync(state).includes('positions.yaml.targets'))
  await waitFor(() => statSync(`${state}/positions.yaml`).size > 0)
  const check = (place: string) => {
    for (const { path, mode, isDirectory } of modesOf(place)) {
      t.equal(mode, isDirectory ? '700' : '600', path)
    }
  }
  check(state)
  t.equal((statSync(state).mode & 0o777).toString(8), '755')
  child.kill('SIGKILL')
  const other = `${directory}/new/deep`
  writeFileSync(`${directory}/agent.yaml`, config(`${other}/positions.yaml`))
  await spawnAgent(t, `${directory}/agent.yaml`)
  await waitFor(async () => {
    await sleep(50)
    return statSync(other, { throwIfNoEntry: false }) !== undefined && isStored(other)
  })
  check(`${directory}/new`)
  t.equal((statSync(`${directory}/new`).mode & 0o777).toString(8), '700')
})
