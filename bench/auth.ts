// What it costs to know who pushes: the same lines to a store that lets everybody in, to one that wants a token, and to one
// that wants a token over TLS. They take turns, so that all of them meet the same noise.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { makeCertificates } from '../test/certificates.ts'
import { spread } from './ask.ts'
import { readCpuSeconds, readMainThreadCpuMs } from './cpu.ts'
import { pushOne } from './ingest.ts'
import type { Records } from './record-file.ts'
import { HttpClient, type StoreServer, startStoreServer } from './server.ts'
import { fixed, type Row } from './table.ts'

export interface AuthFigures {
  readonly name: string
  /** MB of lines per CPU-second: of all pushes together. */
  readonly megabytesPerCpuSecond: number
  /**
   * CPU of the main thread, which takes pushes, for a push next to that of the open store for the same push: the median of
   * all pushes. It counts until the next push, so also what follows an answer. Other threads merge segments, each store at
   * its own time.
   */
  readonly cpuRatio: number
}

interface AuthBenchOptions {
  readonly workDir: string
  readonly bodies: Records
  readonly lineBytes: number
}

/** Pushes all bodies to the three stores in turn, over one connection each. */
export async function runAuthBench(options: AuthBenchOptions): Promise<AuthFigures[]> {
  const { workDir, bodies, lineBytes } = options
  const token = 'a token of the benchmark'
  const sha256 = createHash('sha256').update(token).digest('hex')
  const auth = `auth: {tokens: [{name: bench, sha256: ${sha256}, roles: [push]}]}\n`
  const tls = join(workDir, 'tls')
  makeCertificates(tls)
  const kinds = [
    { name: 'open', config: '', headers: {} },
    { name: 'token', config: auth, headers: { Authorization: `Bearer ${token}` } },
    { name: 'token and TLS', config: auth, headers: { Authorization: `Bearer ${token}` }, tls },
  ]
  const servers: StoreServer[] = []
  try {
    for (const { name, config, tls: certificates } of kinds) {
      const dir = join(workDir, name.replaceAll(' ', '-'))
      servers.push(await startStoreServer(dir, join(dir, 'data'), config, certificates))
    }
    const begun = servers.map(({ pid }) => readCpuSeconds(pid))
    const clients = servers.map(({ url }, i) => new HttpClient(url, 1, kinds[i]!.headers))
    const cpuMs = servers.map(({ pid }) => [readMainThreadCpuMs(pid)])
    for (let round = 0; round < bodies.count; round++) {
      const body = bodies.read(round)
      for (const k of servers.keys()) {
        // Each begins as often as the others.
        const i = (round + k) % servers.length
        await pushOne(clients[i]!, body)
        cpuMs[i]!.push(readMainThreadCpuMs(servers[i]!.pid))
      }
    }
    for (const client of clients) client.close()
    const cpuOf = cpuMs.map(sums => sums.slice(1).map((sum, round) => sum - sums[round]!))
    return kinds.map(({ name }, i) => ({
      name,
      megabytesPerCpuSecond: lineBytes / 1e6 / (readCpuSeconds(servers[i]!.pid) - begun[i]!),
      cpuRatio: spread(cpuOf[i]!.map((cpu, round) => cpu / cpuOf[0]![round]!)).median,
    }))
  } finally {
    for (const { process } of servers) await process.end('SIGTERM')
  }
}

/** A token may cost this share of the CPU of a push. */
const shareMax = 0.03

export function authRows(figures: readonly AuthFigures[]): Row[] {
  const [open] = figures
  return figures.map(({ name, megabytesPerCpuSecond, cpuRatio }) => ({
    figure: `push, ${name}`,
    value: `${fixed(megabytesPerCpuSecond)} MB per CPU-second`,
    ...(name !== open!.name && { ratio: `${cpuRatio.toFixed(3)} of the CPU` }),
    ...(name === 'token' && { target: `<= ${1 + shareMax}`, isMet: cpuRatio <= 1 + shareMax }),
  }))
}
