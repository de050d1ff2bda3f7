// The command line. Each command is loaded when it is called.

import { coloursFor } from '@skald/wire'
import { version } from '@skald/wire/version'
import { UsageError } from './errors.ts'
import { describeFailure, exitCodeOf, exitCodes } from './failure.ts'
import { watchNpm } from './parent-watch.ts'
import { waitForStopSignal } from './stop-signal.ts'
import type { Terminal } from './terminal.ts'

const usage = `skald COMMAND

  skald all         store and agent in one process, reading this machine's logs
  skald store       the store: Loki's API on port 3100
  skald agent       the agent: Promtail's configuration

Ask a store:
  skald query       print lines or samples
  skald tail        print lines as they come
  skald labels      count the values of labels, list those of one, and name those with too many
  skald series      list streams
  skald stats       count streams, lines and bytes
  skald volume      say which streams are large
  skald patterns    find what lines have in common
  skald fields      find the fields of lines
  skald explain     say what a query costs
  skald export      copy all lines of a query

Look after it:
  skald check       check configuration files
  skald rules       test rules, or see when their alerts would have fired
  skald token       make a token that a store lets in
  skald import      copy the lines of a running Loki into a store
  skald backup      copy a store into a directory, also while it runs
  skald restore     make a data directory from a backup
  skald move        move a store into the bucket and the database of replicas
  skald verify      check every file of a data directory or a backup
  skald inspect     describe one file of a store
  skald ready       check whether a store or an agent is ready

  skald completion  print what completes these commands in a shell
  skald man         print the manual
  skald version     print the version

For details, run skald COMMAND -help or skald help COMMAND. Without a command, -config.file=FILE runs the store or the
agent, depending on the file.
`

/** A command and its help text. */
interface Command {
  readonly usage: string
  readonly run: (argv: readonly string[], terminal: Terminal) => number | Promise<number>
}

/** A command is loaded when it is called, because modules take most of the start time. */
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
        version,
        stdin: process.stdin,
        coloursFor: stream => coloursFor(stream as { isTTY?: boolean }, terminal.env),
        onStopRequest,
        onReloadRequest,
      })
    return { usage: agentUsage(), run }
  },
  query: async () => {
    const { queryProgram, runQueryCommand } = await import('./asking/query-command.ts')
    return { usage: queryProgram().helpInformation(), run: runQueryCommand }
  },
  tail: async () => {
    const { runTailCommand, tailProgram } = await import('./asking/tail-command.ts')
    return { usage: tailProgram().helpInformation(), run: runTailCommand }
  },
  labels: async () => {
    const { labelsProgram, runLabelsCommand } = await import('./asking/label-commands.ts')
    return { usage: labelsProgram().helpInformation(), run: runLabelsCommand }
  },
  series: async () => {
    const { runSeriesCommand, seriesProgram } = await import('./asking/label-commands.ts')
    return { usage: seriesProgram().helpInformation(), run: runSeriesCommand }
  },
  stats: () => loadMeasure('stats'),
  volume: () => loadMeasure('volume'),
  patterns: () => loadMeasure('patterns'),
  fields: () => loadMeasure('fields'),
  explain: () => loadMeasure('explain'),
  export: async () => {
    const { exportProgram, runExportCommand } = await import('./asking/export-command.ts')
    return { usage: exportProgram().helpInformation(), run: runExportCommand }
  },
  check: async () => {
    const { checkUsage, runCheckCommand } = await import('./check-command.ts')
    return { usage: checkUsage, run: runCheckCommand }
  },
  rules: async () => {
    const { rulesUsage, runRulesCommand } = await import('./rules-command.ts')
    return { usage: rulesUsage, run: runRulesCommand }
  },
  token: async () => {
    const { runTokenCommand, tokenUsage } = await import('./token-command.ts')
    return { usage: tokenUsage, run: runTokenCommand }
  },
  import: async () => {
    const { importUsage, runImportCommand } = await import('./import-command.ts')
    return { usage: importUsage, run: runImportCommand }
  },
  backup: async () => {
    const { backupUsage, runBackupCommand } = await import('./backup-command.ts')
    return { usage: backupUsage, run: runBackupCommand }
  },
  restore: async () => {
    const { restoreUsage, runRestoreCommand } = await import('./restore-command.ts')
    return { usage: restoreUsage, run: runRestoreCommand }
  },
  move: async () => {
    const { moveUsage, runMoveCommand } = await import('./move-command.ts')
    return { usage: moveUsage, run: runMoveCommand }
  },
  verify: async () => {
    const { runVerifyCommand, verifyUsage } = await import('./verify-command.ts')
    return { usage: verifyUsage, run: runVerifyCommand }
  },
  inspect: async () => {
    const { inspectUsage, runInspectCommand } = await import('./inspect-command.ts')
    return { usage: inspectUsage, run: runInspectCommand }
  },
  ready: async () => {
    const { readyUsage, runReadyCommand } = await import('./ready-command.ts')
    return { usage: readyUsage, run: runReadyCommand }
  },
  completion: async () => {
    const { completionScript, completionUsage } = await import('./manual/completion-command.ts')
    return {
      usage: completionUsage,
      run: async (argv, terminal) => say(completionScript(argv, await allUsages()), terminal),
    }
  },
  man: async () => {
    const { manUsage, manPage } = await import('./manual/man-command.ts')
    return {
      usage: manUsage,
      run: async (_argv, terminal) => say(manPage(usage, await allUsages(), version), terminal),
    }
  },
}

/** Returns the help text of each command. */
async function allUsages(): Promise<ReadonlyMap<string, string>> {
  const names = Object.keys(commands).filter(name => name !== 'completion' && name !== 'man')
  return new Map(
    await Promise.all(names.map(async name => [name, (await commands[name]!()).usage] as const)),
  )
}

async function loadMeasure(name: string): Promise<Command> {
  const { measures, runMeasure } = await import('./asking/measure-commands.ts')
  return {
    usage: measures[name]!.program().helpInformation(),
    run: (argv, terminal) => runMeasure(name, argv, terminal),
  }
}

/** Commands that keep logs or positions on disk and run until they are stopped. */
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
      return say(`skald, version ${version}\n`, terminal)
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

/** Runs the command that the configuration is for, and logs which one. */
async function runMeantCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { findMeantCommand } = await import('./missing-command.ts')
  const meant = findMeantCommand(argv)
  if (!meant) throw new UsageError(`a command is missing before ${argv[0]}`, { usage })
  const { command, reason, logFormat } = meant
  failing = command
  const { createLogger } = await import('@skald/wire/logger')
  const logger = createLogger({ level: 'info', format: logFormat, destination: terminal.stderr })
  logger.info({ command, reason }, `no command given: running skald ${command}`)
  return run([command, ...argv], terminal)
}

function prepareToStay({ env, stderr }: Terminal): void {
  // Libraries create files too, such as the database's. Only this user may read them.
  process.umask(0o077)
  watchNpm(env, () => {
    stderr.write('npm, which started this program, is gone: stopping\n')
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
/** The command that an error message names. */
let failing = argv[0] ?? ''
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // The reader has enough, like `head`. Commands that keep logs continue.
    if (stream === stdout && !keepsLogs.has(failing)) process.exit(exitCodes.done)
  })
}
try {
  process.exitCode = await run(argv, { stdout, stderr, env })
} catch (error) {
  stderr.write(`${describeFailure(error, failing)}\n`)
  process.exitCode = exitCodeOf(error)
}
