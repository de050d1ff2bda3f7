// Queries with a cold cache: the server restarts, the system forgets the pages of its files, and
// then it answers from the disk.

import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, type Spread, spread } from './ask.ts'
import { HttpClient, type Server } from './server.ts'

/** Cost of one query whose files were not in memory. */
export interface ColdResult {
  readonly wallMs: Spread
  readonly cpuMs: Spread
  /** Bytes that the process read from the disk for the answer. */
  readonly readBytes: Spread
}

/** A cold run, or the reason why there is none. */
export type ColdOutcome = ColdResult | { readonly leftOut: string }

/** Starts each cost one restart. */
export const coldRunCount = 3

/** How to run a server that is restarted for each run. */
export interface ColdPlan {
  /** Stops the server. */
  readonly stop: () => Promise<void>
  /** Starts it and waits until it is ready. */
  readonly start: () => Promise<Server>
  readonly dataDir: string
  readonly path: string
}

/** Restarts the server without cached files before each of a few runs, and measures the query. */
export async function measureCold({ stop, start, dataDir, path }: ColdPlan): Promise<ColdOutcome> {
  const runs: { wallMs: number; cpuMs: number; readBytes: number }[] = []
  let problem: string | undefined
  for (let i = 0; i < coldRunCount && problem === undefined; i++) {
    await stop()
    problem = forgetFiles(dataDir)
    const { url, pid } = await start()
    if (problem !== undefined || pid === undefined) continue
    // The start has read some files. The query is to find none of them in memory.
    forgetFiles(dataDir)
    const client = new HttpClient(url, 1, {})
    const before = readDiskBytes(pid)
    const { answer, wallMs, cpuMs = 0 } = await ask(client, pid, path)
    client.close()
    if (answer.status !== 200) {
      throw new Error(`The cold query was answered ${answer.status}: ${answer.body.slice(0, 500)}`)
    }
    runs.push({ wallMs, cpuMs, readBytes: readDiskBytes(pid) - before })
  }
  if (problem === undefined && runs.some(({ readBytes }) => readBytes === 0)) {
    problem = 'the files stayed in memory'
  }
  if (problem !== undefined || runs.length === 0) return { leftOut: problem ?? 'no process' }
  return {
    wallMs: spread(runs.map(run => run.wallMs)),
    cpuMs: spread(runs.map(run => run.cpuMs)),
    readBytes: spread(runs.map(run => run.readBytes)),
  }
}

/**
 * Makes the system forget the cached pages of all files below a directory. It drops each file by
 * `dd` and posix_fadvise, which needs no rights and leaves other programs' files alone, or else
 * all caches of the machine, as root. Returns why that is not possible, or undefined.
 */
export function forgetFiles(dir: string): string | undefined {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    syncFile(path)
    const { status } = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'])
    if (status !== 0) return dropAllCaches()
  }
  return undefined
}

/** Writes out a file: pages that are not on the disk yet cannot be dropped. */
function syncFile(path: string): void {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}

function dropAllCaches(): string | undefined {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    return undefined
  } catch (error) {
    return `neither dd nor /proc/sys/vm/drop_caches can drop cached files: ${(error as Error).message}`
  }
}

function readDiskBytes(pid: number): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1] ?? 0)
}
