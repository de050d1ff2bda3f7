// What becomes of a job that cannot start.

import pino from 'pino'
import { type AgentConfig, startAgent } from '../../src/index.ts'

/** Why the only job of a configuration does not run, of an agent that was started with it all the same. */
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
