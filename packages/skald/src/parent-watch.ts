// npm and npx start a program through a shell that does not forward signals. If they are killed, the program
// would keep running unnoticed. So a program that npm started ends when npm, or the shell in between, is gone.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parentCheckMs } from './limits.ts'

interface ProcessInfo {
  readonly parent: number
  readonly commandLine: string
}

/** Calls back once when npm is gone. Does nothing if npm did not start this process. */
export function watchNpm(
  env: Readonly<Record<string, string | undefined>>,
  onGone: () => void,
): void {
  if (env.npm_command === undefined) return
  const starter = findNpm()
  if (starter === undefined) return
  const timer = setInterval(() => {
    if (isStillThere(starter)) return
    clearInterval(timer)
    onGone()
  }, parentCheckMs)
  timer.unref()
}

interface Starter {
  readonly parent: number
  /** The parent of the shell in between; undefined if there is no shell. */
  readonly grandparent: number | undefined
}

function findNpm(): Starter | undefined {
  const parent = process.ppid
  const info = readProcess(parent)
  if (info === undefined) return undefined
  if (isNpm(info.commandLine)) return { parent, grandparent: undefined }
  const isShell = /^\S*sh\s+-c\s/.test(info.commandLine)
  const above = isShell ? readProcess(info.parent) : undefined
  return above && isNpm(above.commandLine) ? { parent, grandparent: info.parent } : undefined
}

function isStillThere({ parent, grandparent }: Starter): boolean {
  if (process.ppid !== parent) return false
  return grandparent === undefined || readProcess(parent)?.parent === grandparent
}

/** npm renames itself to `npm exec skald store`. Before that it is Node running npm's script. */
function isNpm(commandLine: string): boolean {
  return /^np[mx](\s|$)|\/np[mx](-cli\.js)?(\s|$)/.test(commandLine)
}

/** Reads a process from /proc, or from ps if there is no /proc. Returns undefined if it is gone. */
function readProcess(id: number): ProcessInfo | undefined {
  try {
    if (process.platform !== 'linux') return askPs(id)
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8')
    // The name may contain parentheses and spaces. After it come the state and the parent.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    const commandLine = readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return { parent, commandLine }
  } catch {
    return undefined
  }
}

function askPs(id: number): ProcessInfo | undefined {
  const said = execFileSync('ps', ['-o', 'ppid=,command=', '-p', String(id)], { encoding: 'utf8' })
  const [, parent, commandLine = ''] = /^\s*(\d+)\s+(.*)$/.exec(said.trimEnd()) ?? []
  return parent === undefined ? undefined : { parent: Number(parent), commandLine }
}
