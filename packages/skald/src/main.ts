// The command line: skald agent | store | all | query | check | import | ready.

import { describeFailure, exitCodeOf, exitCodes } from './failure.ts'
import { watchNpm } from './parent-watch.ts'
import { waitForStopSignal } from './stop-signal.ts'
import { coloursFor, type Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'
import { readVersion } from './version.ts'

const usage = `skald COMMAND

  skald all      store and agent in one process, reading this machine's logs
  skald store    the store: Loki's API on port 3100
  skald agent    the agent: Promtail's configuration
  skald query    ask a store and print the lines
  skald check    check configuration files
  skald import   copy the lines of a running Loki into a store
  skald ready    tell whether a store or an agent is ready
  skald version  print the version

skald COMMAND -help tells more of one, and so does skald help COMMAND. Without a command, -config.file=FILE runs the
store or the agent, as the file shows.
`

/** What a command does, and what -help says of it. */
interface Command {
  readonly usage: string
  readonly run: (argv: readonly string[], terminal: Terminal) => number | Promise<number>
}

/** Each is loaded when it is called: modules are most of what a start costs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  all: async () => {
    const { allUsage, runAllCommand } = await import('./all-command.ts')
    return { usage: allUsage, run: runAllCommand }
  },
  store: async () => {
    const { runStoreCommand, storeUsage } = await import('./store-command.ts')
    return { usage: storeUsage, run: runStoreCommand }
  },
  agent: async () => {
    const { agentUsage, runAgentCommand } = await import('@skald/agent')
    const onStopRequest = (stop: () => void) => {
      void waitForStopSignal().then(stop)
    }
    const onReloadRequest = (reload: () => void) => {
      process.on('SIGHUP', reload)
    }
    const run = (argv: readonly string[], terminal: Terminal) =>
      runAgentCommand(argv, {
        ...terminal,
        version: readVersion(),
        stdin: process.stdin,
        coloursFor: stream => coloursFor(stream as { isTTY?: boolean }, terminal.env),
        onStopRequest,
        onReloadRequest,
      })
    return { usage: agentUsage(), run }
  },
  query: async () => {
    const { queryUsage, runQueryCommand } = await import('./query-command.ts')
    return { usage: queryUsage, run: runQueryCommand }
  },
  check: async () => {
    const { checkUsage, runCheckCommand } = await import('./check-command.ts')
    return { usage: checkUsage, run: runCheckCommand }
  },
  import: async () => {
    const { importUsage, runImportCommand } = await import('./import-command.ts')
    return { usage: importUsage, run: runImportCommand }
  },
  ready: async () => {
    const { readyUsage, runReadyCommand } = await import('./ready-command.ts')
    return { usage: readyUsage, run: runReadyCommand }
  },
}

/** Commands that write logs, or where they were read, to the disk, and run until they are told to end. */
const keepsLogs: ReadonlySet<string> = new Set(['all', 'store', 'agent'])

async function loadCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(commands, name) ? await commands[name]!() : undefined
}

async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...rest] = argv
  const command = await loadCommand(name)
  if (command) {
    if (rest.some(isHelp)) return say(command.usage, terminal)
    if (keepsLogs.has(name)) prepareToStay(terminal)
    return command.run(rest, terminal)
  }
  switch (name) {
    case 'version':
    case '-version':
    case '--version':
      return say(`skald, version ${readVersion()}\n`, terminal)
    case 'help': {
      const [topic] = rest
      if (topic === undefined) return say(usage, terminal)
      const told = await loadCommand(topic)
      if (!told) throw new UsageError(`no command ${topic}`, { usage })
      return say(told.usage, terminal)
    }
  }
  if (isHelp(name)) return say(usage, terminal)
  if (!name.startsWith('-')) {
    throw new UsageError(name === '' ? 'a command is missing' : `no command ${name}`, { usage })
  }
  return runMeantCommand(argv, terminal)
}

/** Runs what the configuration shows to be meant, and says so in the log. */
async function runMeantCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { findMeantCommand } = await import('./missing-command.ts')
  const meant = findMeantCommand(argv)
  if (!meant) throw new UsageError(`a command is missing before ${argv[0]}`, { usage })
  const { command, reason } = meant
  failing = command
  const { createLogger } = await import('./logger.ts')
  createLogger('info').info({ command, reason }, `no command was given: runs skald ${command}`)
  return run([command, ...argv], terminal)
}

function prepareToStay({ env, stderr }: Terminal): void {
  // Files that no code of ours makes, such as a database's, are for this user alone as well.
  process.umask(0o077)
  watchNpm(env, () => {
    stderr.write('npm, which has started this, is gone: ends as well\n')
    process.kill(process.pid, 'SIGTERM')
  })
}

function isHelp(argument: string): boolean {
  return /^--?h(elp)?$/.test(argument)
}

function say(text: string, { stdout }: Terminal): number {
  stdout.write(text)
  return exitCodes.done
}

const { stdout, stderr, env } = process
const argv = process.argv.slice(2)
/** The command that errors are told of. */
let failing = argv[0] ?? ''
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // Whoever reads has enough, as `head`. What keeps logs goes on with its work.
    if (stream === stdout && !keepsLogs.has(failing)) process.exit(exitCodes.done)
  })
}
try {
  process.exitCode = await run(argv, { stdout, stderr, env })
} catch (error) {
  stderr.write(`${describeFailure(error, failing)}\n`)
  process.exitCode = exitCodeOf(error)
}
