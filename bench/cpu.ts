// CPU time and memory of processes, from /proc (Linux). The benchmark counts CPU time, because the
// sender runs on the same cores and would share wall time.

import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second in /proc/<pid>/stat; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

/**
 * Reads user and system time of a process with all its threads, including ended ones, in seconds.
 */
export function readCpuSeconds(pid: number): number {
  const fields = readStat(pid)
  if (!fields) throw new Error(`process ${pid} has ended`)
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/**
 * Reads the same of a process and all its descendants, in seconds. Of those that have ended, only children that were
 * waited for count.
 */
export function readTreeCpuSeconds(pid: number): number {
  const stat = readStat(pid)
  if (!stat) return 0
  const [user, system, endedUser, endedSystem] = stat.slice(11, 15).map(Number)
  let seconds = (user! + system! + endedUser! + endedSystem!) / ticksPerSecond
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && Number(readStat(Number(entry))?.[1]) === pid)
      seconds += readTreeCpuSeconds(Number(entry))
  }
  return seconds
}

/** Fields of /proc/<pid>/stat after the command's name, from the state on. Undefined if the process has ended. */
function readStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command's name is in parentheses and may contain spaces, so fields are counted after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/**
 * Reads how long the process's living threads have run, in milliseconds with nanosecond precision.
 * Ended threads are missing, so use it only for short measurements.
 */
export function readThreadCpuMs(pid: number): number {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    } catch (error) {
      // The thread ended between the listing and the reading.
      if (!isGone(error)) throw error
    }
  }
  return ns / 1e6
}

/** Reads how long the main thread of a process has run, in milliseconds with nanosecond precision. */
export function readMainThreadCpuMs(pid: number): number {
  const ns = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1').split(' ')[0]
  return Number(ns) / 1e6
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ESRCH'
}

/** Reads the peak resident size of a process in bytes. */
export function readPeakRssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

/** Runs synchronous work. Returns the CPU seconds that this process spent on it. */
export function measureCpuSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
