// Decides what a failed command prints, and its exit code.

import { FlagError } from '@skald/go-dialect'
import { explainSystemError, type WaysOut } from '@skald/wire'

/** Exit codes; README.md lists them. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const

const waysOut: Readonly<Record<string, WaysOut>> = {
  store: {
    port: '-server.http-listen-port=PORT, or server.http_listen_port in the configuration',
    path: '-common.path-prefix=DIRECTORY, or common.path_prefix in the configuration',
  },
}

/** Codes of errors whose message says what to do. */
const isToldByMessage: ReadonlySet<string> = new Set([
  'AUTH_FILE',
  'ASK',
  'BUCKET_OWNER',
  'BUCKET_UNAVAILABLE',
  'CATALOG_OWNER',
  'CATALOG_UNAVAILABLE',
  'CERTIFICATE_UNUSABLE',
  'DIRECTORY_LOCKED',
  'UPKEEP',
  'UPKEEP_PATH',
])

/** Describes an error: only the message if the caller can fix it, the stack if it is our bug. */
export function describeFailure(error: unknown, command: string): string {
  const { code, message, stack, usage } = error as Error & {
    readonly code?: string
    readonly usage?: string
  }
  if (code === 'USAGE') return usage ? `${message}\n\n${usage}` : message
  if (code === 'CONFIG') return `Cannot use the configuration:\n${message}`
  if (code === 'FLAG') return `${message}\nskald ${command} -help lists the flags`
  if (isToldByMessage.has(code ?? '')) return message
  const explained = explainSystemError(error, waysOut[command === 'all' ? 'store' : command])
  return explained ?? stack ?? message
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  const { code = '' } = error as { code?: string }
  const isUsage = error instanceof FlagError || code === 'USAGE' || code === 'UPKEEP_PATH'
  return isUsage ? exitCodes.usage : exitCodes.failed
}
