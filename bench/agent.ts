// Measures the cost of an agent: reading one large file, following a hundred that rotate, and
// watching a thousand that do not change. Measures Skald's agent and, if its command is given, a
// Promtail.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cleanEnv, loopbackHost, reservePort, skaldCommand } from '../e2e/skald-process.ts'
import { readCpuSeconds, readPeakRssBytes, readThreadCpuMs } from './cpu.ts'
import { createCriLines } from './cri-lines.ts'
import { startPushSink } from './push-sink.ts'

/** Cost of one agent under one load. */
export interface AgentFigures {
  readonly agent: string
  readonly load: 'large file' | 'rotating files' | 'idle files'
  readonly lineCount: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly peakRssBytes: number
  /** Lines that were written and did not arrive. Negative if lines arrived twice. */
  readonly missingCount: number
}

const rotatingFiles = 100
const rotatingBytesPerSecond = 20_000_000
const rotatingSeconds = 30
const idleFiles = 1_000
const idleSeconds = 30
const settleLimitMs = 60_000

/** An agent to measure: its name and command. */
interface Candidate {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

/** Measures all loads, one agent after the other. */
export async function runAgentBench(
  workDir: string,
  options: { readonly megabytes: number; readonly promtail: string | undefined },
): Promise<AgentFigures[]> {
  const candidates: Candidate[] = [{ name: 'skald', command: skaldCommand, args: ['agent'] }]
  if (options.promtail) candidates.push({ name: 'promtail', command: options.promtail, args: [] })
  const figures: AgentFigures[] = []
  for (const candidate of candidates) {
    figures.push(await measureLargeFile(workDir, candidate, options.megabytes))
    figures.push(await measureRotation(workDir, candidate))
    figures.push(await measureIdle(workDir, candidate))
  }
  return figures
}

async function measureLargeFile(
  workDir: string,
  candidate: Candidate,
  megabytes: number,
): Promise<AgentFigures> {
  return withAgent(workDir, candidate, async ({ dir, start, sink }) => {
    const lines = createCriLines(1, 20_000)
    const chunk = Buffer.from(lines.join(''))
    const file = openSync(join(dir, '0.log'), 'w')
    let lineCount = 0
    for (let bytes = 0; bytes < megabytes * 1e6; bytes += chunk.length) {
      writeSync(file, chunk)
      lineCount += lines.length
    }
    closeSync(file)
    const startMs = performance.now()
    const pid = await start()
    while (sink.entryCount < lineCount) await sleep(20)
    return {
      ...{ agent: candidate.name, load: 'large file', lineCount },
      ...{ cpuSeconds: readCpuSeconds(pid), wallSeconds: (performance.now() - startMs) / 1000 },
      ...{ peakRssBytes: readPeakRssBytes(pid), missingCount: lineCount - sink.entryCount },
    }
  })
}

async function measureRotation(workDir: string, candidate: Candidate): Promise<AgentFigures> {
  return withAgent(workDir, candidate, async ({ dir, start, sink }) => {
    for (let i = 0; i < rotatingFiles; i++) writeFileSync(join(dir, `${i}.log`), '')
    const pid = await start()
    await sleep(2_000)
    const cpuBefore = readCpuSeconds(pid)
    const startMs = performance.now()
    const args = [dir, rotatingFiles, rotatingBytesPerSecond, rotatingSeconds].map(String)
    const lineCount = await runWriter(args)
    for (let before = -1; before !== sink.entryCount && sink.entryCount < lineCount; ) {
      before = sink.entryCount
      await waitUntil(() => sink.entryCount !== before, 5_000)
      if (performance.now() - startMs > settleLimitMs + rotatingSeconds * 1000) break
    }
    return {
      ...{ agent: candidate.name, load: 'rotating files', lineCount },
      cpuSeconds: readCpuSeconds(pid) - cpuBefore,
      wallSeconds: (performance.now() - startMs) / 1000,
      ...{ peakRssBytes: readPeakRssBytes(pid), missingCount: lineCount - sink.entryCount },
    }
  })
}

async function measureIdle(workDir: string, candidate: Candidate): Promise<AgentFigures> {
  return withAgent(workDir, candidate, async ({ dir, start, sink }) => {
    const [line = ''] = createCriLines(2, 1)
    for (let i = 0; i < idleFiles; i++) writeFileSync(join(dir, `${i}.log`), line)
    const pid = await start()
    while (sink.entryCount < idleFiles) await sleep(20)
    // The first checks of new files and the first garbage collections are not idle time.
    await sleep(10_000)
    const cpuBeforeMs = readThreadCpuMs(pid)
    await sleep(idleSeconds * 1000)
    return {
      ...{ agent: candidate.name, load: 'idle files', lineCount: idleFiles },
      cpuSeconds: (readThreadCpuMs(pid) - cpuBeforeMs) / 1000,
      ...{ wallSeconds: idleSeconds, peakRssBytes: readPeakRssBytes(pid) },
      missingCount: idleFiles - sink.entryCount,
    }
  })
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<void> {
  const startMs = performance.now()
  while (!condition() && performance.now() - startMs < limitMs) await sleep(50)
}

/** Runs the writer until it ends. Returns the number of lines. */
async function runWriter(args: readonly string[]): Promise<number> {
  const script = fileURLToPath(new URL('./agent-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  await new Promise(resolve => child.once('close', resolve))
  return Number(output.trim())
}

interface Stage {
  readonly dir: string
  readonly sink: Awaited<ReturnType<typeof startPushSink>>
  /** Starts the agent. Resolves with its process id. */
  readonly start: () => Promise<number>
}

/** Runs `measure` with a directory and a server for the agent, then ends the agent. */
async function withAgent(
  workDir: string,
  { name, command, args }: Candidate,
  measure: (stage: Stage) => Promise<AgentFigures>,
): Promise<AgentFigures> {
  const root = join(workDir, `agent-${name}`)
  const dir = join(root, 'logs')
  await rm(root, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  const sink = await startPushSink()
  let child: ChildProcess | undefined
  try {
    return await measure({
      ...{ dir, sink },
      start: async () => {
        const configFile = join(root, 'agent.yaml')
        await writeFile(configFile, configOf(root, dir, sink.url, await reservePort()))
        mkdirSync(join(root, 'state'))
        const output = openSync(join(root, 'agent.out'), 'w')
        const allArgs = [...args, `-config.file=${configFile}`]
        child = spawn(command, allArgs, {
          stdio: ['ignore', output, output],
          env: { ...cleanEnv(), HOSTNAME: 'bench' },
        })
        closeSync(output)
        if (child.pid === undefined) throw new Error(`Cannot start ${command}`)
        child.once('exit', code => {
          if (code)
            void readFile(join(root, 'agent.out'), 'utf8').then(text => process.stderr.write(text))
        })
        return child.pid
      },
    })
  } finally {
    if (child && child.exitCode === null) {
      const exited = new Promise(resolve => child!.once('exit', resolve))
      child.kill('SIGTERM')
      await exited
    }
    sink.close()
    await rm(root, { recursive: true, force: true })
  }
}

function configOf(root: string, dir: string, url: string, port: number): string {
  return `server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
  grpc_listen_port: 0
positions:
  filename: ${root}/state/positions.yaml
clients:
  - url: ${url}
scrape_configs:
  - job_name: containers
    pipeline_stages:
      - cri: {}
    static_configs:
      - targets: [localhost]
        labels:
          job: containers
          __path__: ${dir}/*.log
`
}
