// `skald export 'LOGQL'`: copies all lines of a query into a file or to stdout, and continues a file that was cut off.

import {
  closeSync,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Command } from 'commander'
import { AskError, UsageError } from '../errors.ts'
import { resumedTailBytes } from '../limits.ts'
import type { Server } from '../server-address.ts'
import type { Terminal } from '../terminal.ts'
import {
  askCommand,
  choice,
  names,
  parseArguments,
  type RangeOptions,
  readAskedStore,
  readRange,
  type StoreOptions,
  wholeNumber,
  withRange,
  withStore,
} from './ask-program.ts'
import { type AskParams, answeredText, queryString, whyUnreachable } from './store-client.ts'

const formats = ['jsonl', 'raw', 'csv', 'push'] as const

interface ExportOptions extends StoreOptions, RangeOptions {
  readonly format: (typeof formats)[number]
  readonly column?: readonly string[]
  readonly backward: boolean
  readonly limit?: number
  readonly file?: string
  readonly resume: boolean
}

/** Describes the command line. */
export function exportProgram(): Command {
  const command = withRange(
    askCommand('export', 'Copies all lines of a log query, oldest first, however many there are.'),
  )
    .argument('<LOGQL>', 'a log query, in quotes')
    .addOption(
      choice(
        '--format <format>',
        'JSON lines, the lines alone, CSV, or bodies to push',
        formats,
      ).default('jsonl'),
    )
    .option('--column <label>', 'CSV: a column for this label, and others given so', names)
    .option('--backward', 'newest first', false)
    .option('--limit <n>', 'maximum number of lines (default all)', wholeNumber())
    .option('--file <file>', 'write into this file (default stdout)')
    .option(
      '--resume',
      'continue FILE, of JSON lines, where an export of the same query was cut off',
      false,
    )
  return withStore(command)
}

/**
 * Runs the command. Returns the exit code: 1 if something could not be read.
 *
 * @throws UsageError if an argument is not valid; AskError if the store does not answer, or the answer ends early; the
 * system's error if the file cannot be written.
 */
export async function runExportCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const command = parseArguments(exportProgram(), argv)
  const options = command.opts<ExportOptions>()
  const { format, column, backward, limit, file, resume } = options
  const usage = command.helpInformation()
  const wrong = whatIsWrong(options)
  if (wrong !== undefined) throw new UsageError(wrong, { usage })
  const server = readAskedStore(options, command, terminal)
  const range = readRange(options, command)
  const place = resume ? placeToResume(file!, usage) : undefined
  const params: AskParams = {
    query: command.args[0],
    start: place?.timestamp ?? String(range.startNs),
    end: String(range.endNs),
    ...{ format, columns: column?.join(','), direction: backward ? 'backward' : 'forward' },
    limit: limit === undefined ? undefined : String(limit),
    skip: place === undefined ? undefined : String(place.skip),
  }
  const answer = await open(server, `/skald/export${queryString(params)}`)
  const target =
    file === undefined
      ? passingOn(terminal.stdout)
      : createWriteStream(file, { flags: resume ? 'a' : 'w', mode: 0o600 })
  try {
    if (answer.headers['content-encoding'] === 'gzip') {
      await pipeline(answer, createGunzip(), target)
    } else await pipeline(answer, target)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).path === file && file !== undefined) throw cause
    const hint =
      file === undefined || format !== 'jsonl' ? '' : ' Run it again with --resume to continue.'
    throw new AskError(
      `${server.url} ended the export early: ${(cause as Error).message}.${hint}`,
      { cause },
    )
  }
  const warnings = JSON.parse(answer.trailers['x-skald-warnings'] ?? '[]') as string[]
  for (const warning of warnings) terminal.stderr.write(`Warning: ${warning}\n`)
  return warnings.length > 0 ? 1 : 0
}

function whatIsWrong({ format, column, resume, file, backward, limit }: ExportOptions) {
  if (column && format !== 'csv') return '--column goes with --format=csv'
  if (!resume) return undefined
  if (file === undefined) return '--resume goes with --file'
  if (format !== 'jsonl')
    return '--resume needs JSON lines: without their times, it cannot tell where to continue'
  if (backward || limit !== undefined) return '--resume goes without --backward and --limit'
  return undefined
}

/** Writes to stdout, which stays open afterwards. */
function passingOn(stdout: NodeJS.WriteStream): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      if (stdout.write(chunk)) done()
      else stdout.once('drain', () => done())
    },
  })
}

/** Sends the request, and resolves once the answer begins. */
async function open({ url, headers }: Server, path: string): Promise<IncomingMessage> {
  const { get } = url.startsWith('https:') ? https : http
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(
      `${url}${path}`,
      { headers: { ...headers, 'Accept-Encoding': 'gzip' } },
      resolve,
    )
    request.once('error', reject)
  }).catch((cause: Error) => {
    throw new AskError(whyUnreachable(url, cause), { cause })
  })
  if (answer.statusCode === 200) return answer
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  throw new AskError(answeredText(url, answer.statusCode ?? 0, Buffer.concat(chunks).toString()))
}

interface ResumePlace {
  /** Time of the last line. */
  readonly timestamp: string
  /** How many lines of that time the file has. */
  readonly skip: number
}

/** Finds where to continue a file of JSON lines. Cuts off a last line that is not whole. */
function placeToResume(file: string, usage: string): ResumePlace | undefined {
  if (!existsSync(file)) return undefined
  const size = statSync(file).size
  const from = Math.max(0, size - resumedTailBytes)
  const bytes = Buffer.alloc(size - from)
  const fd = openSync(file, 'r')
  try {
    readSync(fd, bytes, 0, bytes.length, from)
  } finally {
    closeSync(fd)
  }
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end < bytes.length) truncateSync(file, from + end)
  const lines = bytes
    .subarray(0, end)
    .toString('utf8')
    .split('\n')
    .slice(from > 0 ? 1 : 0, -1)
  const last = lines.at(-1)
  if (last === undefined) {
    if (from === 0) return undefined
    throw new UsageError(`${file} ends with a line that is too long to continue`, { usage })
  }
  const timestamp = timeOf(last)
  if (timestamp === undefined) {
    throw new UsageError(`${file} is not an export of JSON lines, so it cannot be continued`, {
      usage,
    })
  }
  const first = lines.findIndex(line => timeOf(line) === timestamp)
  const isCertain = first > 0 || from === 0
  if (!isCertain) {
    throw new UsageError(`${file} ends with too many lines of one time to continue`, { usage })
  }
  return { timestamp, skip: lines.slice(first).filter(line => timeOf(line) === timestamp).length }
}

function timeOf(line: string): string | undefined {
  return /^\{"timestamp":"([^"]+)"/.exec(line)?.[1]
}
