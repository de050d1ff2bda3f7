// `skald ready`: reports through its exit code whether a store or an agent is ready. Needs no curl.

import { parseGoFlags } from '@skald/go-dialect'
import { UsageError } from './errors.ts'
import { readyTimeoutMs } from './limits.ts'
import {
  readServerAddress,
  type Server,
  usualAgentUrl,
  usualStoreUrl,
  wrongAddress,
} from './server-address.ts'
import type { Terminal } from './terminal.ts'

export const readyUsage = `skald ready [URL...]

Exits with 0 if one of the URLs, such as http://127.0.0.1:3100, answers 200 at /ready. Without URLs it asks $SKALD_URL,
or else the default ports of a store (3100) and an agent (9080) on this machine.
`

const defaultUrls = [usualStoreUrl, usualAgentUrl]

/**
 * Runs the command. Returns 0 if a server is ready, 1 if none is.
 *
 * @throws UsageError if an argument is not a URL.
 */
export async function runReadyCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { rest } = parseGoFlags(argv, {})
  const told = terminal.env.SKALD_URL === undefined ? defaultUrls : [terminal.env.SKALD_URL]
  const urls = rest.length > 0 ? rest : told
  const servers = urls.map(url => {
    const server = readServerAddress(url, undefined)
    if (!server)
      throw new UsageError(`skald ready takes URLs, not ${wrongAddress(url)}`, {
        usage: readyUsage,
      })
    return server
  })
  const answers = await Promise.all(servers.map(ask))
  const isReady = answers.some(answer => answer === '200')
  for (const [index, { url }] of servers.entries()) {
    if (!isReady) terminal.stderr.write(`${url} is not ready: ${answers[index]}\n`)
  }
  return isReady ? 0 : 1
}

/** Returns the status of the answer, or the reason why there is none. */
async function ask({ url, headers }: Server): Promise<string> {
  try {
    const response = await fetch(`${url}/ready`, {
      headers,
      signal: AbortSignal.timeout(readyTimeoutMs),
    })
    await response.arrayBuffer()
    return String(response.status)
  } catch (error) {
    const { message, cause } = error as Error
    return (cause as Error | undefined)?.message ?? message
  }
}
