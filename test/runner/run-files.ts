// Runs test files, several processes at a time. Tap writes the tests; this runs them, because tap's own runner loads five
// modules before each file, and again in each Node that a test starts: a second of work for each of 440 files. Files that
// start nothing share a process.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Parser } from 'tap-parser'
import { parse, stringify } from 'yaml'
import { endOfFile, groupFiles } from './shared-files.ts'

const root = resolve(import.meta.dirname, '../..')

/** What `.taprc` says about runs. */
interface RunSettings {
  /** Files that run at a time. */
  readonly jobs: number
  /** Seconds that a test may take, unless it asks for more. */
  readonly timeout: number
}
export const runSettings = parse(readFileSync(join(root, '.taprc'), 'utf8')) as RunSettings

/** Seconds that a file may take. Tests of it may have asked for more than `.taprc` gives each. */
const secondsPerFile = 600

/** Milliseconds after the end of a file in which the rest of its output is read. */
const leftOpenMs = 5000

export interface FileResult {
  readonly file: string
  readonly seconds: number
  readonly passed: number
  /** One text for each failure: its name, and what the test says about it. */
  readonly failures: readonly string[]
  /** One text for each part that was left out: its name and the reason. */
  readonly skips: readonly string[]
}

export interface RunOptions {
  /** The directory of the files and of their outputs (`.tap/test-results`); the repository if left out. */
  readonly rootDir?: string
  readonly jobs: number
  /** Files that start no process, thread or server: they may share one. */
  readonly mayShare?: ReadonlySet<string> | undefined
  /** Flags of Node before the file's name. */
  readonly nodeFlags: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Called with each result as soon as the file has ended. */
  readonly onResult: (result: FileResult) => void
}

/** Runs the files, given as paths from the root, and returns their results in the order of their ends. */
export async function runFiles(
  files: readonly string[],
  options: RunOptions,
): Promise<readonly FileResult[]> {
  const results: FileResult[] = []
  const waiting: (readonly string[])[] = groupFiles(
    files,
    options.mayShare ?? new Set(),
    options.rootDir ?? root,
  )
  // From both ends: those of `e2e/`, at the front, mostly compute, and many at the end mostly wait.
  const worker = async (_: unknown, i: number) => {
    const isFromEnd = options.jobs > 1 && i === 0
    const next = () => (isFromEnd ? waiting.pop() : waiting.shift())
    for (let group = next(); group; group = next()) {
      const { ended, rest } = await runGroup(group, options)
      if (rest.length > 0) waiting.unshift(rest)
      for (const result of ended) {
        results.push(result)
        options.onResult(result)
      }
    }
  }
  await Promise.all(Array.from({ length: options.jobs }).map(worker))
  return results
}

interface GroupEnd {
  readonly ended: readonly FileResult[]
  /** Files that did not run, because one before them ended the process. */
  readonly rest: readonly string[]
}

async function runGroup(files: readonly string[], options: RunOptions): Promise<GroupEnd> {
  const { rootDir = root } = options
  const isShared = files.length > 1
  const script = isShared
    ? [join(import.meta.dirname, 'shared-process.ts'), rootDir, ...files]
    : [join(rootDir, files[0]!)]
  const { output, ending, errors, seconds } = await runProcess(script, files.length, options)
  const parts = splitOutput(output, files)
  const judgements = judge(output, { ending, errors, files })
  const ended = judgements.map((judgement, i) => {
    const file = files[i]!
    keep(join(rootDir, '.tap/test-results', file), parts[i] ?? '', errors)
    return { file, seconds: seconds / judgements.length, ...judgement }
  })
  return { ended, rest: files.slice(judgements.length) }
}

/** Returns what each file printed. */
function splitOutput(output: string, files: readonly string[]): string[] {
  let rest = output
  return files.map((file, i) => {
    const end = i === files.length - 1 ? rest.length : rest.indexOf(`# Subtest: ${endOfFile(file)}`)
    const part = rest.slice(0, end < 0 ? rest.length : end)
    rest = rest.slice(part.length)
    return part
  })
}

/** Runs Node with a script and its arguments. */
async function runProcess(
  script: readonly string[],
  fileCount: number,
  { rootDir = root, nodeFlags, env }: RunOptions,
) {
  const started = performance.now()
  const child = spawn(process.execPath, [...nodeFlags, ...script], {
    cwd: rootDir,
    env: {
      ...env,
      TAP_TIMEOUT: String(runSettings.timeout * fileCount),
      // A test's files stay until it runs again.
      TAP_SAVE_FIXTURE: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: secondsPerFile * 1000,
    killSignal: 'SIGKILL',
  })
  const chunks: Buffer[] = []
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + String(chunk)).slice(-8192)
  })
  const ending = await new Promise<string>(done => {
    let ended = ''
    child.once('error', error => done(`it could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      if (code !== 0) ended = `it ended with ${signal ?? `code ${code}`}`
      // A process that a test has left holds the pipe open.
      setTimeout(() => done(ended), leftOpenMs).unref()
    })
    child.once('close', () => done(ended))
  })
  child.stdout.destroy()
  child.stderr.destroy()
  const seconds = (performance.now() - started) / 1000
  return { output: Buffer.concat(chunks).toString(), ending, errors, seconds }
}

/** Writes the whole output of a file where you find it after a failure. */
function keep(path: string, output: string, errors: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.tap`, output)
  writeFileSync(`${path}.stderr`, errors)
}

interface Judgement {
  passed: number
  readonly failures: string[]
  readonly skips: string[]
}

/** How a process ended that ran test files. */
interface ProcessEnd {
  /** Says how the process ended, if it did not end well. */
  readonly ending: string
  /** The end of what it printed as errors. */
  readonly errors: string
  readonly files: readonly string[]
}

/** Counts the assertions of each file, up to the one that ended the process. */
function judge(output: string, { ending, errors, files }: ProcessEnd): readonly Judgement[] {
  const judgements: Judgement[] = []
  let endedCount = 0
  const begin = () => judgements.push({ passed: 0, failures: [], skips: [] })
  begin()
  const listen = (parser: Parser) => {
    // The next line after the assertions of a test is the test itself.
    let isTest = false
    parser.on('child', (inner: Parser) => {
      listen(inner)
      isTest = true
    })
    parser.on('assert', ({ ok, name, fullname, skip, todo, diag }) => {
      const now = judgements.at(-1)!
      if (skip) now.skips.push(`${name}: ${skip === true ? 'no reason given' : skip}`)
      else if (!isTest && !todo && ok) now.passed++
      else if (!isTest && !todo) now.failures.push(`${fullname}\n${details(diag)}`)
      if (isTest && name === endOfFile(files[judgements.length - 1]!)) {
        // The assertion that ends a file in a shared process.
        if (ok) now.passed--
        endedCount++
        if (judgements.length < files.length) begin()
      }
      isTest = false
    })
  }
  const parser = new Parser()
  listen(parser)
  parser.end(output)
  const last = judgements.at(-1)!
  const hasFailures = () => judgements.some(({ failures }) => failures.length > 0)
  const isCut = files.length > 1 && endedCount < judgements.length
  if (isCut && last.failures.length === 0) {
    last.failures.push(`${ending || 'its process ended before it did'}\n${errors}`)
  }
  if (ending !== '' && !hasFailures()) last.failures.push(`${ending}\n${errors}`)
  if (!parser.results?.ok && !hasFailures()) {
    const reasons = parser.results?.failures.map(failure => stringify(failure)) ?? []
    last.failures.push(['its output is not that of a test that passed', ...reasons].join('\n'))
  }
  for (const { passed, failures, skips } of judgements)
    if (passed + skips.length + failures.length === 0) failures.push('it has no assertions')
  return judgements
}

function details(diag: unknown): string {
  return diag ? stringify(diag).replace(/^/gm, '  ') : ''
}
