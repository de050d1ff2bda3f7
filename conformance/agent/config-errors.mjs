// Starts an agent on one configuration and decides whether it is refused or accepted as a case says.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  asList,
  givePort,
  limit,
  sleep,
  startAgent,
  stopAgent,
  tail,
  takePort,
} from './agent-process.mjs'
import { short } from './compare.mjs'
import { bytesOf } from './file-content.mjs'

let started = 0

/** Starts an agent on one configuration: {refused, code, output}. */
export async function tryConfig(c, options) {
  const id = `e${++started}`
  const dir = join(options.tmp, id)
  mkdirSync(dir, { recursive: true })
  for (const f of c.files ?? []) {
    mkdirSync(dirname(join(dir, f.path)), { recursive: true })
    writeFileSync(
      join(dir, f.path),
      bytesOf(f, s => s),
    )
  }
  const http = await takePort(options.ports)
  const grpc = await takePort(options.ports)
  const fill = s =>
    s.replaceAll('{{DIR}}', dir).replaceAll('{{HTTP_PORT}}', http).replaceAll('{{GRPC_PORT}}', grpc)
  const configFile = join(dir, 'config.yaml')
  writeFileSync(configFile, fill(c.config))
  const outFile = join(dir, 'output.txt')
  const agent = startAgent(options.agent, configFile, outFile, asList(c.args).map(fill), c.env, dir)
  const end = Date.now() + options.startMs
  let up = false
  while (!agent.exit && !up && Date.now() < end) {
    try {
      await fetch(`http://127.0.0.1:${http}/metrics`, { signal: AbortSignal.timeout(2000) })
      up = true
    } catch {
      await sleep(50)
    }
  }
  if (up) await Promise.race([agent.done, limit(c.settleMs ?? 300)])
  const exit = agent.exit
  await stopAgent(agent, 'SIGTERM', 5000)
  givePort(http)
  givePort(grpc)
  const output = tail(outFile, 20000).replaceAll(dir, '{{DIR}}')
  if (!options.keep) rmSync(dir, { recursive: true, force: true })
  return { refused: !!exit && exit.code !== 0, code: exit?.code, signal: exit?.signal, up, output }
}

/** Judges a configuration. The line must be named if the message should be better than the original's, or with `lines`. */
export function judgeConfig(c, got, lines = false) {
  const e = c.expect
  if (!got.refused && got.code === undefined && !got.up)
    return 'the agent neither exited nor answered on its port'
  if (e.either && !got.refused) return undefined
  if (got.refused !== e.refused)
    return e.refused
      ? 'expected a refusal, the agent started'
      : `expected to be accepted, exit code ${got.code}: ${short(got.output.split('\n').slice(-2).join(' | '), 400)}`
  if (!e.refused) return undefined
  if (!got.output.trim()) return 'the agent refused without a word'
  for (const m of e.mentions ?? [])
    if (!got.output.toLowerCase().includes(m.toLowerCase()))
      return `the message does not mention ${JSON.stringify(m)}: ${short(got.output.split('\n').slice(-2).join(' | '), 400)}`
  if (
    e.line &&
    (lines || c.better) &&
    !new RegExp(`(line|row)\\W{0,3}${e.line}\\b|\\.ya?ml:${e.line}\\b`, 'i').test(got.output)
  )
    return `the message does not say line ${e.line}: ${short(got.output.split('\n').slice(-2).join(' | '), 400)}`
  return undefined
}
