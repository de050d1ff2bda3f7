// A store with alerts that is killed again and again while it evaluates them, beside a real Alertmanager.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAlertmanager } from './alert-servers.ts'
import { startStore } from './harness.ts'

/** What is known of an alert. */
interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly startsAt?: string
  readonly state?: string
  readonly activeAt?: string
}

export interface KilledRulesOptions {
  readonly dir: string
  readonly kills: number
  /** From 0 to below 1: when the next kill comes. */
  readonly random: () => number
}

const groupCount = 4

/** Runs the story. Returns what is wrong: alerts that are lost, begin again or end because of a kill. */
export async function killWhileEvaluating({
  dir,
  kills,
  random,
}: KilledRulesOptions): Promise<string[]> {
  const closing: (() => unknown)[] = []
  try {
    const scope = { teardown: (close: () => unknown) => void closing.push(close) }
    mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
    const alertmanager = await createAlertmanager(dir)
    closing.push(() => alertmanager.kill())
    await alertmanager.start()
    writeFileSync(join(dir, 'rules', 'fake', 'up.yaml'), groups())
    const store = await startStore(scope, {
      dir,
      config: `ruler:
  storage: {type: local, local: {directory: ${join(dir, 'rules')}}}
  alertmanager_url: ${alertmanager.url}
  resend_delay: 20s
`,
    })
    const sent = async () =>
      (await alertmanager.ask<Alert[]>('/api/v2/alerts'))
        .map(({ labels, startsAt }) => `${labels.alertname} since ${startsAt}`)
        .sort()
    const listed = async () => {
      const { body } = await store.request('/prometheus/api/v1/alerts')
      return (JSON.parse(body).data.alerts as Alert[])
        .map(({ labels, state, activeAt }) => `${labels.alertname} ${state} ${activeAt}`)
        .sort()
    }
    for (let i = 0; (await sent()).length < groupCount; i++) {
      if (i === 600) return [`only ${(await sent()).length} alerts came in half a minute`]
      await sleep(50)
    }
    const [firstSent, firstListed] = [await sent(), await listed()]
    const problems: string[] = []
    const compare = (when: string, found: readonly string[], wanted: readonly string[]) => {
      if (String(found) !== String(wanted)) problems.push(`${when}: ${found} instead of ${wanted}`)
    }
    for (let i = 1; i <= kills; i++) {
      await sleep(20 + random() * 150)
      await store.kill()
      await store.start()
      compare(`the store after kill ${i}`, await listed(), firstListed)
    }
    compare('Alertmanager', await sent(), firstSent)
    return problems
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

/** Each group has an alert that fires and one that never does. */
function groups(): string {
  const one = (i: number) => `
  - name: g${i}
    interval: 100ms
    rules:
      - {alert: Up${i}, expr: "vector(1)", for: 300ms}
      - {alert: Down${i}, expr: "vector(1) > 1"}`
  return `groups:${Array.from({ length: groupCount }, (_, i) => one(i)).join('')}\n`
}
