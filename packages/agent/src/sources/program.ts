// System programs through which a source reads.

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import type { Readable } from 'node:stream'
import { TextDecoder } from 'node:util'
import { ProgramMissingError } from '../errors.ts'
import { complaintBytesMax } from '../limits.ts'

/** A running program. */
export interface RunningProgram {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when the program has ended. */
  readonly ended: Promise<ProgramEnd>
}

/** How a program ended. */
export interface ProgramEnd {
  /** `null` if a signal ended it, or it never ran. */
  readonly exitCode: number | null
  /** The end of its error output, or its exit code if it wrote none. */
  readonly complaint: string
}

/**
 * Checks that a program can be run.
 *
 * @throws ProgramMissingError if it cannot.
 */
export function checkProgram(
  program: string,
  options: {
    readonly args: readonly string[]
    /** Text before and after the system's own message: who needs the program for what, and what to do. */
    readonly before: string
    readonly after: string
  },
): void {
  const { error } = spawnSync(program, options.args, { stdio: 'ignore', windowsHide: true })
  if (!error) return
  const message = `${options.before}, and ${program} cannot be run: ${error.message}. ${options.after}`
  throw new ProgramMissingError(message, { cause: error })
}

/** Starts a program. Its standard output must be read. */
export function startProgram(program: string, args: readonly string[]): RunningProgram {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
  let said = Buffer.alloc(0)
  let failure: string | undefined
  child.stderr.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]).subarray(-complaintBytesMax)
  })
  child.on('error', error => {
    failure = error.message
  })
  const ended = new Promise<ProgramEnd>(resolve =>
    child.once('close', () => {
      const complaint = failure ?? decoderOf(said).decode(said).trim()
      const { exitCode } = child
      resolve({ exitCode, complaint: complaint || `exit code ${exitCode}` })
    }),
  )
  return { child, ended }
}

/**
 * Returns the decoder for text that starts with these bytes: little-endian UTF-16, as Windows writes it, or
 * UTF-8.
 */
export function decoderOf(start: Uint8Array): TextDecoder {
  const isWide = start.length > 1 && (start[1] === 0 || (start[0] === 0xff && start[1] === 0xfe))
  return new TextDecoder(isWide ? 'utf-16le' : 'utf-8')
}
