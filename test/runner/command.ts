// The command line that `npm test` and `npm run test:quick` share: names of files or directories, and `--jobs N`.

import { globSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { printResult, printSums } from './report.ts'
import { type RunOptions, runFiles, runSettings } from './run-files.ts'

const root = resolve(import.meta.dirname, '../..')

/** Runs the files of the command line, or else all that `allTests` returns. Sets the exit code. */
export async function runCommand(
  allTests: () => readonly string[],
  { nodeFlags, env, mayShare }: Pick<RunOptions, 'nodeFlags' | 'env' | 'mayShare'>,
): Promise<void> {
  let asked: Asked
  try {
    asked = readArguments()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
    return
  }
  const started = performance.now()
  const results = await runFiles(asked.files.length > 0 ? asked.files : allTests(), {
    jobs: asked.jobs,
    nodeFlags,
    mayShare,
    // Compiled code is kept between files and processes.
    env: { ...env, NODE_COMPILE_CACHE: resolve(root, 'node_modules/.cache/tests') },
    onResult: printResult,
  })
  process.exitCode = printSums(results, (performance.now() - started) / 1000)
}

interface Asked {
  readonly files: readonly string[]
  readonly jobs: number
}

/** @throws Error that says which argument cannot be used. */
function readArguments(): Asked {
  const options = { jobs: { type: 'string', default: String(runSettings.jobs) } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error('--jobs takes a number above 0')
  return { files: positionals.flatMap(testsAt), jobs }
}

/** Returns a file itself, or the tests in a directory, as paths from the root. */
function testsAt(name: string): string[] {
  const stats = statSync(name, { throwIfNoEntry: false })
  if (!stats) throw new Error(`There is no file ${name}`)
  const files = stats.isDirectory() ? globSync(`${name}/**/*.test.ts`).sort() : [name]
  if (files.length === 0) throw new Error(`There are no tests in ${name}`)
  return files.map(file => relative(root, resolve(file)))
}
