// Checks the rotation test's writer on its own: all its files together, rotated and gzipped ones
// included, contain every line once. So a loss in that test is the agent's.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { test } from 'tap'
import { ContainerLog, type ContainerOptions } from './container-log.ts'
import { LineLedger } from './line-ledger.ts'
import { listContainers } from './log-writer.ts'

/** Reads every file below a directory, each by only one path. */
function readAll(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map(name => join(dir, name))
    .filter(path => statSync(path).isFile())
    .sort()
    .map(path => {
      const bytes = readFileSync(path)
      return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1')
    })
}

/** Joins the lines of a file from their parts and adds them to a ledger. */
function addLines(ledger: LineLedger, options: ContainerOptions, fileText: string): void {
  let pending = ''
  for (const line of fileText.split('\n').slice(0, -1)) {
    if (options.runtime === 'docker') {
      const { log } = JSON.parse(Buffer.from(line, 'latin1').toString('utf8')) as { log: string }
      ledger.add({ labels: {}, timestampNs: 0n, line: log })
      continue
    }
    const [, , tag, content] = /^(\S+) (\S+) (\S+) (.*)$/s.exec(line)!.slice(1)
    pending += content
    if (tag === 'P') continue
    const text = Buffer.from(pending, 'latin1').toString('utf8')
    ledger.add({ labels: {}, timestampNs: 0n, line: text })
    pending = ''
  }
}

const renamed = new Set(['crirename', 'dockrename', 'dockgzip'])

for (const base of listContainers('').filter(({ name }) => renamed.has(name))) {
  test(`the log of ${base.name} has every line once across its rotated files`, async t => {
    const options = { ...base, rootDir: t.testdir() }
    const log = new ContainerLog(options)
    for (let round = 0; round < 3; round++) {
      log.write(200_000, true)
      if (round > 0 && options.runtime === 'containerd') {
        // Kubelet's names have whole seconds.
        await new Promise(resolve => setTimeout(resolve, 1_001))
      }
      log.rename()
      log.write(50_000, false)
      log.reopen()
      log.write(50_000, true)
    }
    const lastNumber = log.lastNumber
    const { file } = log
    log.close()
    const dir =
      options.runtime === 'docker'
        ? join(options.rootDir, 'docker', 'containers')
        : join(options.rootDir, 'pods')
    const texts = readAll(dir)
    t.equal(texts.length, 4, 'three rotated files and the present one')
    const ledger = new LineLedger()
    for (const text of texts) addLines(ledger, options, text)
    t.strictSame(ledger.check({ [file]: lastNumber }), { missing: [], doubled: [], damaged: [] })
  })
}

test('a truncated log continues at its start with the next number', async t => {
  const [base] = listContainers(t.testdir()).filter(({ rotation }) => rotation === 'copytruncate')
  const log = new ContainerLog(base!)
  log.write(100_000, true)
  log.copyTruncate()
  const before = log.lastNumber
  t.equal(log.sizeBytes, 0)
  log.write(1_000, false)
  log.close()
  const [present] = readAll(join(base!.rootDir, 'pods'))
  t.match(present, new RegExp(` n=${before + 1} `))
})
