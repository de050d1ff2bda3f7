// A terminal that remembers what was written to it.

import { PassThrough } from 'node:stream'
import type { Terminal } from '../src/terminal.ts'

export interface TestTerminal extends Terminal {
  /** What was written so far. */
  readonly written: { readonly out: () => string; readonly err: () => string }
}

/** Makes a terminal; `isTTY` decides about colours. */
export function createTestTerminal(
  env: Record<string, string> = {},
  { isTTY = false } = {},
): TestTerminal {
  const stream = () => {
    const chunks: string[] = []
    const pass = new PassThrough().on('data', chunk => chunks.push(String(chunk)))
    return { stream: Object.assign(pass, { isTTY }) as unknown as NodeJS.WriteStream, chunks }
  }
  const out = stream()
  const err = stream()
  return {
    stdout: out.stream,
    stderr: err.stream,
    env,
    written: { out: () => out.chunks.join(''), err: () => err.chunks.join('') },
  }
}
