// The command line: skald agent | store | all | query | check | import | ready.

import { FlagError } from '@skald/wire'
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

skald COMMAND -help tells more of one.
`

/** What a command does; `usage` where main answers -help for it. */
interface Command {
  readonly usage?: string
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
    const { runAgentCommand } = await import('@skald/agent')
    const onStopRequest = (stop: () => void) => {
      void waitForStopSignal().then(stop)
    }
    const onReloadRequest = (reload: () => void) => {
      process.on('SIGHUP', reload)
    }
    const run = (argv: readonly string[], terminal: Terminal) =>
      runAgentCommand(argv, {
        ...terminal,
        stdin: process.stdin,
        coloursFor: stream => coloursFor(stream as { isTTY?: boolean }, terminal.env),
        onStopRequest,
        onReloadRequest,
      })
    return { run }
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

/** Commands that write logs, or where they were read, to the disk. */
const keepsLogs: ReadonlySet<string> = new Set(['all', 'store', 'agent'])

async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...rest] = argv
  if (Object.hasOwn(commands, name)) {
    // Files that no code of ours makes, such as a database's, are for this user alone as well.
    if (keepsLogs.has(name)) process.umask(0o077)
    const command = await commands[name]!()
    if (command.usage !== undefined && rest.some(argument => /^--?h(elp)?$/.test(argument))) {
      terminal.stdout.write(command.usage)
      return 0
    }
    return command.run(rest, terminal)
  }
  switch (name) {
    case 'version':
    case '-version':
    case '--version':
      terminal.stdout.write(`skald, version ${readVersion()}\n`)
      return 0
    case 'help':
    case '-h':
    case '-help':
    case '--help':
      terminal.stdout.write(usage)
      return 0
    default:
      throw new UsageError(name === '' ? 'a command is missing' : `no command ${name}`, { usage })
  }
}

/** Tells what went wrong in words where it is the caller's to mend, with the stack where it is ours. */
function describe(error: Error & { code?: string; usage?: string }): string {
  switch (error.code) {
    case 'USAGE':
      return `${error.message}\n\n${error.usage}`
    case 'CONFIG':
      return `Cannot use the configuration:\n${error.message}`
    case 'FLAG':
    case 'DIRECTORY_LOCKED':
    case 'EADDRINUSE':
    case 'EACCES':
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EROFS':
      return error.message
    default:
      return error.stack ?? error.message
  }
}

const { stdout, stderr, env } = process
try {
  process.exitCode = await run(process.argv.slice(2), { stdout, stderr, env })
} catch (error) {
  const failure = error as Error & { code?: string }
  stderr.write(`${describe(failure)}\n`)
  process.exitCode = failure.code === 'USAGE' || failure instanceof FlagError ? 2 : 1
}
