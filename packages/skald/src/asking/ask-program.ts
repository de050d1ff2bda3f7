// What the commands that ask a store share on the command line: options, and how mistakes are told.

import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { nsPerMs } from '@skald/go-dialect'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { readStore, type Server } from '../server-address.ts'
import { readSince } from '../since-flag.ts'
import type { Terminal } from '../terminal.ts'
import { momentForms, parseMoment } from './moment.ts'

/** Options of every command that asks a store, as commander returns them. */
export interface StoreOptions {
  readonly url?: string
  readonly tenant?: string
  readonly user?: string
  readonly token?: string
  readonly ca?: string
}

/** Options of a time range. */
export interface RangeOptions {
  readonly since?: string
  readonly from?: string
  readonly to?: string
}

/** A time range in nanoseconds, the end not included. */
export interface AskedRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

/** Creates a command that asks a store. Its own options come first in the help. */
export function askCommand(name: string, summary: string): Command {
  return new Command(`skald ${name}`)
    .description(summary)
    .helpOption('-h, --help', 'print this')
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .configureHelp({ helpWidth: 100, sortOptions: false })
}

/** Adds the options of a time range. */
export function withRange(command: Command, since = '1h'): Command {
  return command
    .option('--since <duration>', `how far back to look, such as 15m or 7d (default ${since})`)
    .option('--from <time>', `start: ${momentForms}`)
    .option('--to <time>', 'end, written like the start (default now)')
}

/** Adds the options that say which store to ask, and who asks. */
export function withStore(command: Command): Command {
  return command
    .option('--url <url>', 'store to ask (default $SKALD_URL, $LOKI_ADDR or http://127.0.0.1:3100)')
    .option('--tenant <name>', 'tenant (default $SKALD_TENANT or $LOKI_ORG_ID)')
    .option('--token <token>', 'token to show (default $SKALD_TOKEN or $LOKI_BEARER_TOKEN)')
    .option(
      '--user <name:pass>',
      'user and password to show (default $SKALD_USER and $SKALD_PASSWORD, or $LOKI_USERNAME and $LOKI_PASSWORD)',
    )
    .option(
      '--ca <file>',
      "certificates of the store's authority, in PEM (default $SKALD_CA or $LOKI_CA_CERT_PATH)",
    )
}

/** Parses a whole number above 0; with `orZero`, also 0. For commander's options. */
export function wholeNumber(orZero = false): (text: string) => number {
  return text => {
    const count = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(count) && (orZero || count > 0)) return count
    throw new InvalidArgumentError(`it takes a whole number${orZero ? '' : ' above 0'}`)
  }
}

/** Collects the names of an option that can be given several times, or with commas. */
export function names(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').map(name => name.trim())]
}

/** Makes an option that takes one of some words. */
export function choice(flags: string, text: string, words: readonly string[]): Option {
  return new Option(flags, text).choices([...words])
}

/**
 * Parses a command line.
 * @throws UsageError when an argument is not valid.
 */
export function parseArguments(command: Command, argv: readonly string[]): Command {
  try {
    return command.parse([...argv], { from: 'user' })
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause
    const message = cause.message.replace(/^error: /, '')
    throw new UsageError(message, { usage: command.helpInformation(), cause })
  }
}

/**
 * Reads a range. `--from` and `--to` win over `--since`.
 * @throws UsageError
 */
export function readRange(
  { since, from, to }: RangeOptions,
  command: Command,
  { nowMs = Date.now(), usual = '1h' } = {},
): AskedRange {
  const usage = command.helpInformation()
  const moment = (option: string, text: string) => {
    const ns = parseMoment(text, nowMs)
    if (ns !== undefined) return ns
    throw new UsageError(
      `${option} does not understand ${JSON.stringify(text)}. Write ${momentForms}`,
      {
        usage,
      },
    )
  }
  if (from !== undefined && since !== undefined) {
    throw new UsageError('--from and --since both say where to begin: write one of them', { usage })
  }
  // Entries of this millisecond are meant too.
  const endNs = to === undefined ? BigInt(nowMs) * nsPerMs + 1n : moment('--to', to)
  const startNs =
    from === undefined ? endNs - readSince(since ?? usual, usage) : moment('--from', from)
  if (startNs < endNs) return { startNs, endNs }
  throw new UsageError('the range is empty: --from is not before --to', { usage })
}

/**
 * Reads which store to ask. Also trusts the authority of `--ca`, in this whole process.
 * @throws UsageError
 */
export function readAskedStore(
  { ca, ...options }: StoreOptions,
  command: Command,
  { env }: Pick<Terminal, 'env'>,
): Server {
  const usage = command.helpInformation()
  const file = ca ?? env.SKALD_CA ?? env.LOKI_CA_CERT_PATH
  if (file !== undefined && file !== '') trustAuthority(file, usage)
  return readStore(options, withLogcliNames(env), usage)
}

/** People who used logcli have set these. */
function withLogcliNames(env: Terminal['env']): Terminal['env'] {
  return {
    ...env,
    SKALD_URL: env.SKALD_URL ?? env.LOKI_ADDR,
    SKALD_TENANT: env.SKALD_TENANT ?? env.LOKI_ORG_ID,
    SKALD_TOKEN: env.SKALD_TOKEN ?? env.LOKI_BEARER_TOKEN,
    SKALD_USER: env.SKALD_USER ?? env.LOKI_USERNAME,
    SKALD_PASSWORD: env.SKALD_PASSWORD ?? env.LOKI_PASSWORD,
  }
}

function trustAuthority(file: string, usage: string): void {
  try {
    const text = readFileSync(file, 'utf8')
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), text])
  } catch (cause) {
    throw new UsageError(`--ca cannot use ${file}: ${(cause as Error).message}`, { usage, cause })
  }
}
