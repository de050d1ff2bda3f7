// Runs test files, each in a process, several at a time. Tap writes the tests; this runs them, because tap's own runner
// loads five modules before each file, and again in each Node that a test starts: a second of work for each of 440 files.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Parser } from 'tap-parser'
import { parse, stringify } from 'yaml'

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
  const waiting = [...files]
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file, options)
      results.push(result)
      options.onResult(result)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, worker))
  return results
}

async function runFile(
  file: string,
  { rootDir = root, nodeFlags, env }: RunOptions,
): Promise<FileResult> {
  const started = performance.now()
  const child = spawn(process.execPath, [...nodeFlags, join(rootDir, file)], {
    cwd: rootDir,
    env: {
      ...env,
      TAP_TIMEOUT: String(runSettings.timeout),
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
  const output = Buffer.concat(chunks)
  keep(join(rootDir, '.tap/test-results', file), output, errors)
  return { file, seconds, ...judge(output.toString(), ending, errors) }
}

/** Writes the whole output of a file where you find it after a failure. */
function keep(path: string, output: Buffer, errors: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.tap`, output)
  writeFileSync(`${path}.stderr`, errors)
}

type Judgement = Pick<FileResult, 'passed' | 'failures' | 'skips'>

/** Counts the assertions of an output. `ending` says how the process ended, if it did not end well. */
function judge(output: string, ending: string, errors: string): Judgement {
  const failures: string[] = []
  const skips: string[] = []
  let passed = 0
  const listen = (parser: Parser) => {
    // The next line after the assertions of a test is the test itself.
    let isTest = false
    parser.on('child', (inner: Parser) => {
      listen(inner)
      isTest = true
    })
    parser.on('assert', ({ ok, name, fullname, skip, todo, diag }) => {
      if (skip) skips.push(`${name}: ${skip === true ? 'no reason given' : skip}`)
      else if (!isTest && !todo && ok) passed++
      else if (!isTest && !todo) failures.push(`${fullname}\n${details(diag)}`)
      isTest = false
    })
  }
  const parser = new Parser()
  listen(parser)
  parser.end(output)
  if (ending !== '' && failures.length === 0) failures.push(`${ending}\n${errors}`)
  if (!parser.results?.ok && failures.length === 0) {
    const reasons = parser.results?.failures.map(failure => stringify(failure)) ?? []
    failures.push(['its output is not that of a test that passed', ...reasons].join('\n'))
  }
  if (passed + skips.length + failures.length === 0) failures.push('it has no assertions')
  return { passed, failures, skips }
}

function details(diag: unknown): string {
  return diag ? stringify(diag).replace(/^/gm, '  ') : ''
}
