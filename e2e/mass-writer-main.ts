// Writes numbered lines like a container runtime to many files at a steady rate, and rotates each
// twice a second at its own moments. argv[2] is MassWriterOptions as JSON. When all is written,
// sends the last number of each file and the sum of its lines' keys over the IPC channel.

import { closeSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { massKey, massLine } from './mass-lines.ts'

/** Describes what to write. */
export interface MassWriterOptions {
  readonly dir: string
  readonly fileCount: number
  readonly bytesPerSecond: number
  readonly seconds: number
}

/** The content written to a file: lines 1 to `count`, and the sum of their keys. */
export interface WrittenFile {
  readonly count: number
  readonly keySum: number
}

const rotateEveryMs = 500
const tickMs = 25

const send = process.send?.bind(process)
if (!send) throw new Error('Start this with fork()')
process.on('disconnect', () => process.exit(1))
const { dir, fileCount, bytesPerSecond, seconds } = JSON.parse(
  process.argv[2] ?? '',
) as MassWriterOptions

const files = Array.from({ length: fileCount }, (_, file) => {
  const path = join(dir, `${file}.log`)
  return { path, fd: openSync(path, 'a'), rotations: 0, count: 0, keySum: 0 }
})
// The files exist, so readers may start.
send('open')
await new Promise(resolve => process.once('message', resolve))

let nowNs = BigInt(Date.now()) * 1_000_000n
let owedBytes = 0
const startMs = performance.now()
let lastMs = startMs
while (performance.now() - startMs < seconds * 1000) {
  const now = performance.now()
  owedBytes += ((now - lastMs) / 1000) * bytesPerSecond
  lastMs = now
  const bytesPerFile = owedBytes / fileCount
  // Times ascend and never repeat, like those of a runtime.
  const wallNs = BigInt(Date.now()) * 1_000_000n
  if (wallNs > nowNs) nowNs = wallNs
  for (const [index, file] of files.entries()) {
    let text = ''
    while (text.length < bytesPerFile) {
      const number = ++file.count
      file.keySum += massKey(index, number)
      text += `${timeText(nowNs++)} stdout F ${massLine(index, number)}\n`
    }
    writeSync(file.fd, text)
    owedBytes -= text.length
    const due = Math.floor((now - startMs) / rotateEveryMs + index / fileCount)
    if (due <= file.rotations) continue
    file.rotations = due
    renameSync(file.path, `${file.path}.${String(due).padStart(6, '0')}`)
    closeSync(file.fd)
    file.fd = openSync(file.path, 'a')
  }
  await sleep(Math.max(0, tickMs - (performance.now() - now)))
}
const written: WrittenFile[] = files.map(({ count, keySum }) => ({ count, keySum }))
send(written, () => process.exit(0))

function timeText(ns: bigint): string {
  const text = new Date(Number(ns / 1_000_000n)).toISOString()
  return `${text.slice(0, -1)}${String(ns % 1_000_000n).padStart(6, '0')}Z`
}
