// npm run torture: long runs that try to make a store lose something. Each part prints one line with
// its seed and counts. README.md in this folder says what each part does.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildProgram } from '../release/program.ts'
import { parseTortureOptions, type TortureOptions, usage } from './options.ts'
import type { PartReport } from './part.ts'
import { parts } from './parts.ts'

async function main(): Promise<void> {
  let options: TortureOptions
  try {
    options = parseTortureOptions(process.argv.slice(2), Object.keys(parts))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage(Object.keys(parts))}\n`)
    process.exitCode = 2
    return
  }
  // Stores that run the sources take several times as long to start, and the parts start thousands.
  if (process.env.SKALD_TEST_PROGRAM === undefined) return runWithProgram(options)
  const { names, seed } = options
  const work = mkdtempSync(join(tmpdir(), 'skald-torture-'))
  let faults = 0
  try {
    for (const name of names) {
      const started = performance.now()
      const report = await run(name, options, join(work, name))
      const seconds = ((performance.now() - started) / 1000).toFixed(0)
      faults += report.problems.length
      const verdict = report.problems.length === 0 ? 'no fault' : `${report.problems.length} FAULTS`
      process.stdout.write(`${name}: seed ${seed}, ${report.counts}, ${seconds} s: ${verdict}\n`)
      for (const problem of report.problems.slice(0, 20)) process.stdout.write(`  ${problem}\n`)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  process.exitCode = faults > 0 ? 1 : 0
}

/**
 * Builds the program as a release contains it, and runs each part with it in a separate process, several at a time. Most
 * parts wait for processes and disks.
 */
async function runWithProgram(all: TortureOptions): Promise<void> {
  const { names, seed, rounds, minutes, jobs } = all
  const program = join(import.meta.dirname, '../.cache/torture')
  await buildProgram(program)
  const env = { ...process.env, SKALD_TEST_PROGRAM: program }
  const threads = `--import=${join(import.meta.dirname, '../test/built/threads.ts')}`
  const left = [...names]
  const options = [
    ...['--seed', String(seed), '--minutes', String(minutes)],
    ...(rounds === undefined ? [] : ['--rounds', String(rounds)]),
  ]
  const work = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const child = spawn(process.execPath, [threads, import.meta.filename, name, ...options], {
        ...{ env, stdio: ['ignore', 'inherit', 'inherit'] },
      })
      running.add(child)
      const [code] = (await once(child, 'exit')) as [number | null]
      running.delete(child)
      if (code !== 0) process.exitCode = 1
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
}

async function run(name: string, options: TortureOptions, dir: string): Promise<PartReport> {
  try {
    return await parts[name]!.run({ ...options, dir })
  } catch (error) {
    return { counts: 'not ended', problems: [(error as Error).stack ?? String(error)] }
  }
}

/** Processes of parts. */
const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill()
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main()
// Threads of stores that a part has left behind must not keep this process.
process.exit()
