// npm run torture: long runs that try to make a store lose something. Each part prints one line with
// its seed and counts. README.md in this folder says what each part does.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseTortureOptions, type TortureOptions, usage } from './options.ts'
import { type PartReport, parts } from './parts.ts'

async function main(): Promise<void> {
  let options: TortureOptions
  try {
    options = parseTortureOptions(process.argv.slice(2), Object.keys(parts))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage(Object.keys(parts))}\n`)
    process.exitCode = 2
    return
  }
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

async function run(name: string, options: TortureOptions, dir: string): Promise<PartReport> {
  try {
    return await parts[name]!.run({ ...options, dir })
  } catch (error) {
    return { counts: 'not ended', problems: [(error as Error).stack ?? String(error)] }
  }
}

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main()
// Threads of stores that a part has left behind must not keep this process.
process.exit()
