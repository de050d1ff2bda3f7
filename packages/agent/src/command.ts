// `skald agent`: Promtail's command line.

import { existsSync, readFileSync } from 'node:fs'
import { hostname as osHostname } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { ConfigError } from '@skald/config-reading'
import { FlagError, type FlagValues, formatGoFlags, parseGoFlags } from '@skald/go-dialect'
import { type Colours, explainSystemError, noColours, snappyCodec } from '@skald/wire'
import { createLogger } from '@skald/wire/logger'
import { type Agent, startAgent } from './agent.ts'
import type { AgentConfig } from './config/agent-config.ts'
import { agentFlags } from './config/flags.ts'
import { type LoadAgentConfigOptions, loadAgentConfig } from './config/load-config.ts'
import { stdinJob } from './config/stdin-job.ts'
import { watchConfig } from './config-watch.ts'
import { PositionsError } from './errors.ts'
import { describeClients, EntryPrinter } from './inspect/entry-printer.ts'
import { createScratch } from './inspect/scratch.ts'
import { createInspection } from './inspect/stage-inspector.ts'

const waysOut = {
  port: '-server.http-listen-port=PORT, or server.http_listen_port in the configuration',
  path: '-positions.file=FILE, or positions.filename in the configuration',
}

/** What the command needs from its process. */
export interface AgentCommandIo {
  /** Version of this program. */
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin?: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Colours for a stream. Without it, output has no colours. */
  readonly coloursFor?: (stream: Writable) => Colours
  /** Registers the callback for a request to stop. */
  readonly onStopRequest: (stop: () => void) => void
  /** Registers the callback for a request to reload the configuration. */
  readonly onReloadRequest?: (reload: () => void) => void
  /** Called when the agent is running, for a progress display. */
  readonly onStarted?: (agent: Agent) => void
}

/** Runs the agent until it is asked to stop. Resolves to the exit code. */
export async function runAgentCommand(
  argv: readonly string[],
  io: AgentCommandIo,
): Promise<number> {
  const say = (text: string) => io.stderr.write(`${text}\n`)
  try {
    const { flags, rest } = parseGoFlags(argv, agentFlags)
    checkRest(rest)
    if (flags.version === 'true') {
      io.stdout.write(`skald agent, version ${io.version}\n`)
      return 0
    }
    const file = findConfigFile(flags)
    const source = { flags, env: io.env }
    // A refused reload keeps the old configuration, so a reload can afford to be strict.
    const loadConfig = async () =>
      (await loadConfigFile(findConfigFile(flags), { ...source, isStrict: true })).config
    const isTrial = ['check-syntax', 'dry-run', 'stdin'].some(name => flags[name] === 'true')
    const { config, text } = await loadConfigFile(file, { ...source, isStrict: isTrial })
    if (flags['check-syntax'] === 'true') {
      for (const doubt of config.doubts) say(doubt)
      io.stdout.write('Valid config file! No syntax issues found\n')
      return 0
    }
    return await run({ config, loadConfig, file, text }, flags, io)
  } catch (error) {
    if (error instanceof FlagError) {
      say(`${error.message}\n${agentUsage()}`)
      return 2
    }
    if (error instanceof ConfigError) {
      say(`Cannot use the configuration:\n${error.message}`)
      return 1
    }
    if (error instanceof PositionsError) {
      say(error.message)
      return 1
    }
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    say(`Cannot start the agent: ${explainSystemError(error, waysOut) ?? message}`)
    return 1
  }
}

/**
 * Checks the arguments after the flags. Go ignores them (`true` in `-dry-run true`), and with them any
 * later flag.
 */
function checkRest(rest: readonly string[]): void {
  const flag = rest.find(argument => argument.startsWith('-'))
  if (flag === undefined) return
  throw new FlagError(`unexpected argument: ${rest[0]}: ${flag} after it would have no effect`)
}

/**
 * Finds the configuration file: the first in the list that exists. Returns undefined if the flags are
 * enough.
 */
function findConfigFile(flags: FlagValues): string | undefined {
  const list = flags['config.file'] ?? ''
  // With -stdin, flags alone are enough.
  if (list === '' && flags.stdin === 'true') return undefined
  const paths = list.split(',').filter(path => path !== '')
  const path = paths.find(candidate => existsSync(candidate))
  if (path === undefined) {
    const message =
      paths.length === 0
        ? 'No configuration: name a file with -config.file=FILE'
        : `Invalid config file: ${paths.join(', ')} does not exist`
    throw new ConfigError({
      path: list || '-config.file',
      problems: [{ line: 0, column: 0, message }],
    })
  }
  return path
}

/** Reads the configuration and returns it with the file's raw text. */
async function loadConfigFile(
  path: string | undefined,
  {
    flags,
    ...options
  }: Pick<LoadAgentConfigOptions, 'env' | 'isStrict'> & {
    readonly flags: FlagValues
  },
): Promise<{ readonly config: AgentConfig; readonly text: string }> {
  if (path === undefined) {
    return {
      config: await loadAgentConfig({ ...options, text: '', path: '(flags)', flags }),
      text: '',
    }
  }
  const expandEnv = flags['config.expand-env'] === 'true'
  try {
    const text = readFileSync(path, 'utf8')
    return { config: await loadAgentConfig({ ...options, text, path, expandEnv, flags }), text }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const why = explainSystemError(Object.assign(error as Error, { path }))
    const message = why ?? `Cannot read the file: ${(error as Error).message}`
    const problems = [{ line: 0, column: 0, message }]
    throw new ConfigError({ path, problems }, { cause: error })
  }
}

/** A configuration, and how to read it again. */
interface LoadedConfig {
  readonly config: AgentConfig
  /** Absent for a trial run, which serves no pages and never reloads. */
  readonly loadConfig?: () => Promise<AgentConfig>
  /** Absent if the configuration comes from flags alone. */
  readonly file?: string | undefined
  /** The file's text. */
  readonly text?: string
}

/** Runs the agent as the flags say, until it is asked to stop or standard input ends. */
async function run(
  loaded: LoadedConfig & Required<Pick<LoadedConfig, 'loadConfig'>>,
  flags: FlagValues,
  io: AgentCommandIo,
): Promise<number> {
  const isDryRun = flags['dry-run'] === 'true'
  const readsStdin = flags.stdin === 'true'
  if (!isDryRun && !readsStdin) return runUntilStopped(loaded, flags, io)
  // A dry run and an inspection must not change the agent's own positions.
  const scratch = await createScratch(loaded.config)
  try {
    return await runUntilStopped({ config: scratch.config }, flags, io)
  } finally {
    await scratch.remove()
  }
}

async function runUntilStopped(
  { config: written, loadConfig, file, text = '' }: LoadedConfig,
  flags: FlagValues,
  io: AgentCommandIo,
): Promise<number> {
  const isDryRun = flags['dry-run'] === 'true'
  const { logLevel, logFormat } = written.server
  const logger = createLogger({ level: logLevel, format: logFormat, destination: io.stderr })
  const hostname = io.env.HOSTNAME || osHostname()
  const coloursFor = io.coloursFor ?? (() => noColours)
  let stop: () => void = () => undefined
  const stopped = new Promise<'stop'>(resolve => {
    stop = () => resolve('stop')
    io.onStopRequest(stop)
  })
  let onEnd: () => void = () => undefined
  const ended = new Promise<'end'>(resolve => {
    onEnd = () => resolve('end')
  })
  let config = written
  if (flags.stdin === 'true') {
    const [first, second] = written.scrapeConfigs
    if (second) logger.warn({ job: first!.jobName }, 'Only the first job reads standard input')
    const job = stdinJob(first, { input: io.stdin ?? process.stdin, hostname, onEnd })
    config = { ...written, scrapeConfigs: [job] }
  }
  if (isDryRun) {
    // The reader of our output has gone away.
    io.stdout.on('error', stop)
    io.stdout.write(describeClients(config.clients))
  }
  const agent = await startAgent({
    ...{ config, logger, hostname, env: io.env, version: io.version },
    ...{ withHttpServer: loadConfig !== undefined },
    ...(loadConfig && { loadConfig }),
    ...(isDryRun && {
      delivery: new EntryPrinter(config.clients[0]!, io.stdout, coloursFor(io.stdout)),
    }),
    ...(flags.inspect === 'true' && {
      inspect: createInspection({
        write: text => void io.stderr.write(text),
        colours: coloursFor(io.stderr),
      }),
    }),
  })
  io.onStarted?.(agent)
  // Errors are already logged and counted where they occur.
  const reload = () => void agent.reload().catch(() => undefined)
  io.onReloadRequest?.(reload)
  const endWatch =
    flags['config.auto-reload'] === 'true' && loadConfig && file !== undefined
      ? watchConfig({ path: file, text, onChange: reload })
      : () => undefined
  logger.info({ version: io.version, snappy: snappyCodec() }, 'Agent started')
  const why = await Promise.race([stopped, ended])
  if (why === 'end') await Promise.race([agent.drain(), stopped])
  endWatch()
  logger.info('Agent stops')
  await agent.stop()
  return 0
}

/** Returns the usage text of the agent's command line. */
export function agentUsage(): string {
  return `Usage of skald agent:\n${formatGoFlags(agentFlags)}\n`
}
