// `skald all`: store and agent in one process. By default they read the logs of this machine.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  type Agent,
  addAgentRoutes,
  defaultAgentConfig,
  loadAgentConfig,
  startAgent,
} from '@skald/agent'
import { formatGoFlags, type GoFlag, parseGoFlags } from '@skald/go-dialect'
import { type Beside, type Store, startStore } from '@skald/store'
import { createLogger } from '@skald/wire/logger'
import { version } from '@skald/wire/version'
import { readConfigText } from './config-file.ts'
import { showProgress } from './progress.ts'
import { waitForStopSignal } from './stop-signal.ts'
import { loadStore } from './store-command.ts'
import { storeFlags } from './store-flags.ts'
import type { Terminal } from './terminal.ts'

const allFlags: Readonly<Record<string, GoFlag>> = {
  ...storeFlags,
  'agent.config.file': {
    kind: 'text',
    description: 'Configuration of the agent; without it, it reads the logs of this machine',
  },
}

export const allUsage = `skald all [flags]

${formatGoFlags(allFlags)}
`

/** Runs both until a signal stops them. Returns the exit code. */
export async function runAllCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { flags } = parseGoFlags(argv, allFlags)
  if (flags.version === 'true') {
    terminal.stdout.write(`skald, version ${version}\n`)
    return 0
  }
  const { loaded, warnings, authSource } = loadStore(flags, terminal)
  const isInteractive = terminal.stdout.isTTY === true
  // A person watches the progress bar. Messages below a warning would tear it apart.
  const isQuiet = isInteractive && flags['log.level'] === undefined
  const logger = createLogger({
    level: isQuiet ? 'warn' : loaded.config.logLevel,
    format: loaded.config.logFormat,
    destination: terminal.stderr,
  })
  for (const warning of warnings) logger.warn(warning)
  let agent: Agent | undefined
  const beside = {
    addRoutes: (app: Server) => addPages(app, () => agent),
    metrics: async () => (await agent?.metrics.registry.metrics()) ?? '',
  }
  // The agent shows it to the store of this process; nobody else knows it.
  const ownToken = loaded.config.auth && randomBytes(32).toString('base64url')
  const store = await startStore({
    ...{ loaded, logger, version, beside },
    ...authSource,
    ...(ownToken !== undefined && { ownToken }),
  })
  const leaving = new AbortController()
  try {
    agent = await startEmbeddedAgent(store, {
      flags,
      terminal,
      logger,
      dataDir: loaded.config.dataDir,
      ownToken,
    })
    const showing = showProgress(agent, store.url, terminal, leaving.signal)
    await Promise.all([waitForStopSignal().then(() => leaving.abort()), showing])
  } finally {
    await agent?.stop()
    await store.stop()
  }
  return 0
}

type Server = Parameters<Beside['addRoutes']>[0]

/** The store's port serves the agent's pages below /agent. */
function addPages(app: Server, agentOf: () => Agent | undefined): void {
  app.register(
    (pages, _options, done) => {
      pages.addHook('onRequest', async (_request, reply) => {
        if (!agentOf()) await reply.code(503).header('Retry-After', '1').send('The agent starts\n')
      })
      addAgentRoutes(pages, { agentOf: () => agentOf()!, enablesReload: false })
      done()
    },
    { prefix: '/agent' },
  )
}

interface EmbeddedAgentOptions {
  readonly flags: Readonly<Record<string, string>>
  readonly terminal: Terminal
  readonly logger: ReturnType<typeof createLogger>
  readonly dataDir: string
  /** Lets it in where a store asks who comes. */
  readonly ownToken: string | undefined
}

async function startEmbeddedAgent(
  store: Store,
  { flags, terminal, logger, dataDir, ownToken }: EmbeddedAgentOptions,
): Promise<Agent> {
  const file = flags['agent.config.file']
  const agentDir = join(dataDir, 'agent')
  const expandEnv = flags['config.expand-env'] === 'true'
  const source =
    file === undefined
      ? {
          path: '(embedded default)',
          text: defaultAgentConfig({
            pushUrl: `${store.url}/loki/api/v1/push`,
            isOwnPort: true,
            bearerToken: ownToken,
            dataDir: agentDir,
          }),
        }
      : {
          ...readConfigText(file),
          expandEnv,
          env: terminal.env,
        }
  return startAgent({
    ...{ config: await loadAgentConfig(source), logger, version },
    withHttpServer: false,
  })
}
