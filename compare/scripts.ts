// npm run compare -- --scripts: asks a Loki and a store what the query scripts ask. Both have to give the expected
// lines; where Loki differs on purpose, the script says why, and Loki has to differ.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseScript, type ScriptCase } from '../packages/query/test/query-script.ts'
import { answerCase } from '../packages/query/test/script-answer.ts'
import {
  askCase,
  loadScripts,
  scriptDifference,
  scriptLimits,
  tenantsOf,
} from './script-answers.ts'
import { type PeerServer, startLoki, startSkald } from './servers.ts'

/** The scripts, which are the tests of the query package. */
export const scriptDir = join(import.meta.dirname, '../packages/query/test/scripts')

/** A case and the file it is in. */
export interface FileCase extends ScriptCase {
  readonly file: string
}

/** Reads the cases of all scripts, or of those whose name holds a text. */
export function readScripts(only = ''): FileCase[] {
  const files = readdirSync(scriptDir).filter(name => name.endsWith('.test') && name.includes(only))
  return files.flatMap(file =>
    parseScript(readFileSync(join(scriptDir, file), 'utf8')).map(one => ({ ...one, file })),
  )
}

interface ScriptRun {
  /** The Loki program. */
  readonly loki: string
  readonly workDir: string
  /** Part of the names of scripts. */
  readonly only: string | undefined
  /** Whether Loki's answers are written where a script has `  ?`. */
  readonly isFilling: boolean
  print(text: string): void
}

/** How many cases came out in which way. */
export interface ScriptCounts {
  equal: number
  explained: number
  unexplained: number
}

/** Compares both servers with the scripts. */
export async function compareScripts(run: ScriptRun): Promise<ScriptCounts> {
  const cases = readScripts(run.only)
  const tenants = tenantsOf(cases)
  const options = { hasTenants: true, limits: scriptLimits }
  const servers: PeerServer[] = []
  const counts: ScriptCounts = { equal: 0, explained: 0, unexplained: 0 }
  try {
    const skald = await startSkald(run.workDir, options)
    servers.push(skald)
    const loki = await startLoki(run.loki, run.workDir, options)
    servers.push(loki)
    for (const { url } of servers) await loadScripts(url, tenants)
    const answers = new Map<FileCase, readonly string[]>()
    for (const one of cases) {
      const tenant = tenants.get(one.streams)!
      const lokiLines = await askCase(loki.url, one.query, tenant)
      if (run.isFilling && isOpen(one)) {
        answers.set(one, await linesFor(one, lokiLines, run))
        continue
      }
      const skaldLines = await askCase(skald.url, one.query, tenant)
      const problems = problemsOf(one, { lokiLines, skaldLines })
      if (problems.length > 0) counts.unexplained++
      else if (one.lokiDiffers !== undefined) counts.explained++
      else counts.equal++
      for (const problem of problems) run.print(`${placeOf(one)}\n  ${problem}`)
    }
    fill(answers)
    return counts
  } finally {
    for (const server of servers) await server.stop()
  }
}

const placeOf = ({ file, lineNumber, title }: FileCase) => `${file}:${lineNumber}: ${title}`

function problemsOf(
  one: FileCase,
  { lokiLines, skaldLines }: { lokiLines: readonly string[]; skaldLines: readonly string[] },
): string[] {
  const problems: string[] = []
  const ofSkald = scriptDifference(one, skaldLines)
  if (ofSkald !== undefined) problems.push(`Skald: ${ofSkald}`)
  const ofLoki = scriptDifference(one, lokiLines)
  if (one.lokiDiffers === undefined && ofLoki !== undefined) problems.push(`Loki: ${ofLoki}`)
  if (one.lokiDiffers !== undefined && ofLoki === undefined) {
    problems.push('Loki gives the expected lines: take away the mark')
  }
  return problems
}

/** Whether a case waits for Loki's answer. */
const isOpen = ({ expected }: ScriptCase) => expected.length === 1 && expected[0] === '?'

/** Loki's lines; where the answer from memory is equal to them, in its order and with its last digits. */
async function linesFor(one: FileCase, lokiLines: readonly string[], run: ScriptRun) {
  const ours = await answerCase(one.query, one.streams).catch((error: Error) => [error.message])
  const differs = scriptDifference({ ...one, expected: lokiLines }, ours)
  if (differs === undefined) return ours
  run.print(`${placeOf(one)}\n  Loki's lines are written, Skald differs: ${differs}`)
  return lokiLines
}

/** Writes answers into the scripts, the last case first, so that line numbers hold. */
function fill(answers: ReadonlyMap<FileCase, readonly string[]>): void {
  for (const [{ file, lineNumber }, answer] of [...answers].reverse()) {
    const path = join(scriptDir, file)
    const lines = readFileSync(path, 'utf8').split('\n')
    lines.splice(lineNumber, 1, ...answer.map(line => `  ${line}`))
    writeFileSync(path, lines.join('\n'))
  }
}
