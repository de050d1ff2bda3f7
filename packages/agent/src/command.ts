// `skald agent`: Promtail's command line.

import { existsSync, readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { FlagError, type FlagValues, formatGoFlags, parseGoFlags } from '@skald/wire'
import type { Logger } from 'pino'
import { type Agent, startAgent } from './agent.ts'
import { agentVersion } from './config/clients.ts'
import { agentFlags } from './config/flags.ts'
import { type AgentConfig, loadAgentConfig } from './config.ts'
import { ConfigError, PositionsError } from './errors.ts'
import { createAgentLogger } from './logger.ts'

/** What the command needs from its process. */
export interface AgentCommandIo {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Writable
  readonly stderr: Writable
  /** Calls back when the process is asked to end. */
  readonly onStopRequest: (stop: () => void) => void
  /** Calls back whenever the configuration is to be read again. */
  readonly onReloadRequest?: (reload: () => void) => void
  /** Told when the agent runs, for a progress display. */
  readonly onStarted?: (agent: Agent) => void
}

/** Runs the agent until it is asked to stop; settles with the exit code. */
export async function runAgentCommand(
  argv: readonly string[],
  io: AgentCommandIo,
): Promise<number> {
  const say = (text: string) => io.stderr.write(`${text}\n`)
  try {
    const { flags, rest } = parseGoFlags(argv, agentFlags)
    if (rest.length > 0) throw new FlagError(`unexpected argument: ${rest[0]}`)
    if (flags.version === 'true') {
      io.stdout.write(`skald agent, version ${agentVersion}\n`)
      return 0
    }
    const unbuilt = ['dry-run', 'inspect', 'stdin'].find(name => flags[name] === 'true')
    if (unbuilt) throw new FlagError(`-${unbuilt} is not supported yet`)
    const load = () => loadConfigFile(flags, io.env)
    const config = load()
    if (flags['check-syntax'] === 'true') {
      io.stdout.write('Valid config file! No syntax issues found\n')
      return 0
    }
    return await runUntilStopped(config, io, load)
  } catch (error) {
    if (error instanceof FlagError) {
      say(`${error.message}\n${usage()}`)
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
    say(`Cannot start the agent: ${message}`)
    return 1
  }
}

/** Finds and reads the configuration file: the first of the list that exists. */
function loadConfigFile(
  flags: FlagValues,
  env: Readonly<Record<string, string | undefined>>,
): AgentConfig {
  const list = flags['config.file'] ?? ''
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
  const expandEnv = flags['config.expand-env'] === 'true'
  try {
    return loadAgentConfig({ text: readFileSync(path, 'utf8'), path, expandEnv, env, flags })
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const message = `Cannot read the file: ${(error as Error).message}`
    const problems = [{ line: 0, column: 0, message }]
    throw new ConfigError({ path, problems }, { cause: error })
  }
}

async function runUntilStopped(
  config: AgentConfig,
  io: AgentCommandIo,
  loadConfig: () => AgentConfig,
): Promise<number> {
  const logger: Logger = createAgentLogger(config.server.logLevel, io.stderr)
  const hostname = io.env.HOSTNAME
  const named = hostname ? { hostname } : {}
  const agent = await startAgent({ config, logger, env: io.env, loadConfig, ...named })
  io.onStarted?.(agent)
  // What goes wrong is logged and counted where it is found.
  io.onReloadRequest?.(() => void agent.reload().catch(() => undefined))
  logger.info({ version: agentVersion }, 'Agent started')
  await new Promise<void>(resolve => io.onStopRequest(resolve))
  logger.info('Agent stops')
  await agent.stop()
  return 0
}

function usage(): string {
  return `Usage of skald agent:\n${formatGoFlags(agentFlags)}`
}
