// Runs the recorded cases of conformance/ and judges their results with the differences that docs/differences.md names.

import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { cleanEnv, rootDir } from './skald-process.ts'

/** How the Loki was configured that gave the recorded answers, apart from addresses and directories. */
export const recordedConfig = `limits_config:
  max_query_series: 100000
  max_entries_limit_per_query: 5000000
  shard_aggregations: [approx_topk]
`

/** What a runner reports of a case. */
export interface CaseResult {
  readonly file: string
  readonly name: string
  readonly ok: boolean
  /** The first difference of a case that failed. */
  readonly diff?: string
}

/** A runner of conformance/ and what it is started with. */
export interface RecordedRun {
  readonly runner: 'store' | 'agent'
  readonly args: readonly string[]
  /** Directory for the results. */
  readonly dir: string
}

/** Runs cases and returns their results. A failed case is a result; a runner that breaks is an error. */
export async function runRecorded({ runner, args, dir }: RecordedRun): Promise<CaseResult[]> {
  const path = join(rootDir, 'conformance', runner, 'run.mjs')
  const resultsFile = join(dir, 'results.json')
  rmSync(resultsFile, { force: true })
  const output = await new Promise<string>(resolve => {
    const command = [path, ...args, '--json', resultsFile]
    // The exit code is 1 when a case failed, which is judged here.
    execFile(process.execPath, command, { env: cleanEnv() }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    )
  })
  try {
    return (JSON.parse(readFileSync(resultsFile, 'utf8')) as { results: CaseResult[] }).results
  } catch (cause) {
    throw new Error(`${path} wrote no results:\n${output.slice(-4000)}`, { cause })
  }
}

/** Names of the cases that are answered differently on purpose, as `file :: name`. */
export function namedDifferences(): Set<string> {
  const page = readFileSync(join(rootDir, 'docs/differences.md'), 'utf8')
  return new Set([...page.matchAll(/`([\w-]+ :: [^`]+)`/g)].map(match => match[1]!))
}

/** Asserts that each case is answered as recorded, and each named one is not. */
export function judgeRecorded(t: Test, results: readonly CaseResult[]): void {
  const named = namedDifferences()
  for (const { file, name, ok, diff } of results) {
    const id = `${file} :: ${name}`
    if (!named.has(id)) t.equal(ok ? undefined : diff, undefined, id)
    else if (ok) t.fail(`${id} is answered as recorded: take it off docs/differences.md`)
  }
}
