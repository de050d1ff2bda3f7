// A cgroup with a memory limit for a process of a test, of version 1 or 2. It lies below the cgroup of the test.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = '/sys/fs/cgroup'

/** A cgroup that a test may use. */
export interface MemoryCgroup {
  readonly directory: string
  /** Returns the most that its processes have taken, with what the system counts besides, in bytes. */
  peakBytes(): number
  /** Returns how often the system killed a process of it for want of memory. */
  kills(): number
  /** Removes it. Its processes must have ended. */
  remove(): Promise<void>
}

/** Makes a cgroup, or says in one line why that is not possible here. */
export function createMemoryCgroup(limitBytes: number): MemoryCgroup | string {
  const name = `skald-test-${process.pid}-${limitBytes}`
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8')
    const [, own] = /^\d+:memory:(.*)$/m.exec(groups) ?? []
    if (own !== undefined) return createV1(join(root, 'memory', own, name), limitBytes)
    const [, unified = '/'] = /^0::(.*)$/m.exec(groups) ?? []
    return createV2(join(root, unified, name), limitBytes)
  } catch (error) {
    return `no cgroup can be made here: ${(error as Error).message}`
  }
}

function createV1(directory: string, limitBytes: number): MemoryCgroup {
  mkdirSync(directory)
  writeFileSync(join(directory, 'memory.limit_in_bytes'), String(limitBytes))
  const swap = join(directory, 'memory.memsw.limit_in_bytes')
  if (existsSync(swap)) writeFileSync(swap, String(limitBytes))
  return {
    directory,
    peakBytes: () => Number(readFileSync(join(directory, 'memory.max_usage_in_bytes'), 'utf8')),
    kills: () => killsIn(join(directory, 'memory.oom_control')),
    remove: () => removeWhenEmpty(directory),
  }
}

function createV2(directory: string, limitBytes: number): MemoryCgroup {
  mkdirSync(directory)
  writeFileSync(join(directory, 'memory.max'), String(limitBytes))
  const swap = join(directory, 'memory.swap.max')
  if (existsSync(swap)) writeFileSync(swap, '0')
  return {
    directory,
    peakBytes: () => Number(readFileSync(join(directory, 'memory.peak'), 'utf8')),
    kills: () => killsIn(join(directory, 'memory.events')),
    remove: () => removeWhenEmpty(directory),
  }
}

function killsIn(file: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0)
}

async function removeWhenEmpty(directory: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(directory)
      return
    } catch (error) {
      // Processes leave a little after they have ended.
      if (attempt >= 50) throw error
      await sleep(100)
    }
  }
}
