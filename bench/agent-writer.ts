// Writes container logs at a steady rate and rotates them, in a separate process: its CPU time
// counts for nobody else, and the measuring process cannot delay it.

import { appendFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCriLines } from './cri-lines.ts'

const [dir = '', fileCountText = '', bytesPerSecondText = '', secondsText = ''] =
  process.argv.slice(2)
const fileCount = Number(fileCountText)
const tickMs = 50
const rotateEveryMs = 2_000
const keptCount = 4
const pool = createCriLines(3, 5_000).map(line => line.slice(line.indexOf(' ')))

let written = 0
let next = 0
const startMs = performance.now()
const rotations: number[] = Array.from({ length: fileCount }, () => 0)
for (let tick = 0; ; tick++) {
  const elapsedMs = performance.now() - startMs
  if (elapsedMs > Number(secondsText) * 1000) break
  // With milliseconds. Six digits follow.
  const second = new Date().toISOString().slice(0, -1)
  const bytesPerFile = (Number(bytesPerSecondText) * tickMs) / 1000 / fileCount
  for (let file = 0; file < fileCount; file++) {
    const path = join(dir, `${file}.log`)
    let text = ''
    while (text.length < bytesPerFile) {
      // Each line has its own time, as in real logs, because files that begin alike are treated as
      // copies.
      const nanos = String(next % 1_000_000).padStart(6, '0')
      text += `${second}${nanos}Z${pool[next++ % pool.length]}`
      written++
    }
    appendFileSync(path, text)
    // Each file at a different moment.
    const due = Math.floor((elapsedMs + (file * rotateEveryMs) / fileCount) / rotateEveryMs)
    if (due <= rotations[file]!) continue
    rotations[file] = due
    renameSync(path, `${path}.${String(due).padStart(6, '0')}`)
    rmSync(`${path}.${String(due - keptCount).padStart(6, '0')}`, { force: true })
  }
  await sleep(Math.max(0, (tick + 1) * tickMs - (performance.now() - startMs)))
}
process.stdout.write(`${written}\n`)
