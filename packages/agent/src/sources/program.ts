// Programs of the system that a source reads through.

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import type { Readable } from 'node:stream'
import { TextDecoder } from 'node:util'
import { ProgramMissingError } from '../errors.ts'
import { complaintBytesMax } from '../limits.ts'

/** A program that runs. */
export interface RunningProgram {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Settles when it is gone. */
  readonly ended: Promise<ProgramEnd>
}

/** How a program ended. */
export interface ProgramEnd {
  /** `null` where a signal ended it, or it never ran. */
  readonly exitCode: number | null
  /** The last of what it said on standard error, or its exit code where it said nothing. */
  readonly complaint: string
}

/**
 * Makes sure that a program can be run.
 *
 * @throws ProgramMissingError when it cannot be.
 */
export function checkProgram(
  program: string,
  options: {
    readonly args: readonly string[]
    /** Who needs it for what, and what to do: around the system's own words. */
    readonly before: string
    readonly after: string
  },
): void {
  const { error } = spawnSync(program, options.args, { stdio: 'ignore', windowsHide: true })
  if (!error) return
  const message = `${options.before}, and ${program} cannot be run: ${error.message}. ${options.after}`
  throw new ProgramMissingError(message, { cause: error })
}

/** Starts a program, whose standard output has to be read. */
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

/** A decoder for text that begins so: UTF-16 of little endian as Windows has it, or UTF-8. */
export function decoderOf(start: Uint8Array): TextDecoder {
  const isWide = start.length > 1 && (start[1] === 0 || (start[0] === 0xff && start[1] === 0xfe))
  return new TextDecoder(isWide ? 'utf-16le' : 'utf-8')
}
