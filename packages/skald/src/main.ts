// The command line: skald agent | store | all | query | check.

import { runAgentCommand } from '@skald/agent'
import { FlagError } from '@skald/wire'
import { allUsage, runAllCommand } from './all-command.ts'
import { checkUsage, runCheckCommand } from './check-command.ts'
import { queryUsage, runQueryCommand } from './query-command.ts'
import { waitForStopSignal } from './stop-signal.ts'
import { runStoreCommand, storeUsage } from './store-command.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'
import { readVersion } from './version.ts'

const usage = `skald COMMAND

  skald all      store and agent in one process, reading this machine's logs
  skald store    the store: Loki's API on port 3100
  skald agent    the agent: Promtail's configuration
  skald query    ask a store and print the lines
  skald check    check configuration files
  skald version  print the version

skald COMMAND -help tells more of one.
`

const usages: Readonly<Record<string, string>> = {
  all: allUsage,
  store: storeUsage,
  query: queryUsage,
  check: checkUsage,
}

async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [command = '', ...rest] = argv
  const commandUsage = usages[command]
  if (commandUsage !== undefined && rest.some(argument => /^--?h(elp)?$/.test(argument))) {
    terminal.stdout.write(commandUsage)
    return 0
  }
  switch (command) {
    case 'all':
      return runAllCommand(rest, terminal)
    case 'store':
      return runStoreCommand(rest, terminal)
    case 'agent':
      return runAgentCommand(rest, {
        ...terminal,
        onStopRequest: stop => {
          void waitForStopSignal().then(stop)
        },
      })
    case 'query':
      return runQueryCommand(rest, terminal)
    case 'check':
      return runCheckCommand(rest, terminal)
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
      throw new UsageError(command === '' ? 'a command is missing' : `no command ${command}`, {
        usage,
      })
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
