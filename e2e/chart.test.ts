// The chart renders, and what it gives store and agent to read is valid. Needs helm 3 on the PATH.

import { execFile, execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { skaldCommand } from './skald-process.ts'

root.setTimeout(60_000)
const run = promisify(execFile)
const chart = new URL('../charts/skald', import.meta.url).pathname

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
}

const hasHelm = (() => {
  try {
    execFileSync('helm', ['version', '--short'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const options = hasHelm ? {} : { skip: 'helm is not on the PATH' }

async function render(...args: string[]): Promise<KubernetesObject[]> {
  const { stdout } = await run('helm', ['template', 'myloki', chart, ...args])
  return parseAllDocuments(stdout)
    .map(document => document.toJS() as KubernetesObject | null)
    .filter(object => object !== null)
}

test('helm lint finds nothing', options, async t => {
  const { stdout } = await run('helm', ['lint', '--strict', chart])
  t.match(stdout, /0 chart\(s\) failed/)
})

test('the chart renders what people point their datasources at', options, async t => {
  const objects = await render()
  t.same(
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    [
      'ConfigMap myloki-promtail',
      'ConfigMap myloki',
      'Service myloki',
      'Service myloki-headless',
      'DaemonSet myloki-promtail',
      'StatefulSet myloki',
    ],
  )
  const withoutAgent = await render('--set', 'promtail.enabled=false')
  t.notOk(withoutAgent.some(({ kind }) => kind === 'DaemonSet'))
})

test('the rendered configurations are valid', options, async t => {
  const dir = t.testdir()
  const files = (await render()).flatMap(({ data }) => Object.entries(data ?? {}))
  t.equal(files.length, 2)
  for (const [name, text] of files) {
    const path = join(dir, name)
    writeFileSync(path, text)
    const { stdout } = await run(skaldCommand, ['check', path])
    t.match(stdout, /: valid (agent|store) configuration\n$/, name)
  }
})
