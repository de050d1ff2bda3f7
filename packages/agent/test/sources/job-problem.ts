// Finds out why a job cannot start.

import pino from 'pino'
import { type AgentConfig, startAgent } from '../../src/index.ts'

/** Returns why the only job of a configuration does not run in an agent that starts anyway. */
export async function problemOf(config: AgentConfig): Promise<string | undefined> {
  const agent = await startAgent({
    config,
    version: 'test',
    logger: pino({ level: 'silent' }),
    withHttpServer: false,
  })
  const [source] = agent.sources()
  await agent.stop()
  return source?.problem
}
