// Which webhooks know the state of an alert. It is stored with the alert, so that neither a restart nor a process that
// takes over tells one of them the same thing twice. Pure.

import { formatLabelSet } from '@skald/wire'
import type { Alert } from './alert-machine.ts'

/** What a webhook wants to hear. */
export interface HookWish {
  readonly name: string
  readonly sendsResolved: boolean
}

/** What one webhook has taken: alerts in the state in which it was told of them. */
export interface HookAnswer {
  readonly hook: string
  readonly taken: readonly Alert[]
}

/** Returns those webhooks that have to be told of the state of an alert. */
export function unheardHooks(alert: Alert, hooks: readonly HookWish[]): HookWish[] {
  if (alert.state === 'pending') return []
  return hooks.filter(({ name, sendsResolved }) => {
    if (knows(alert, name, wordOf(alert))) return false
    return alert.state === 'firing' || (sendsResolved && knows(alert, name, 'firing'))
  })
}

/** Returns those alerts that an answer changes, as they are now. */
export function heardBy(
  alerts: readonly Alert[],
  { hook, taken }: HookAnswer,
  hooks: readonly HookWish[],
): Alert[] {
  const current = new Map(alerts.map(alert => [formatLabelSet(alert.labels), alert]))
  return taken.flatMap((alert): Alert[] => {
    const now = current.get(formatLabelSet(alert.labels))
    if (now?.firedMs !== alert.firedMs) return []
    const word = wordOf(alert)
    const heard = [...new Set([...(now.heard ?? []), `${word} ${hook}`])]
    if (unheardHooks({ ...alert, heard }, hooks).length > 0) return [{ ...now, heard }]
    // What some know of a later state stays.
    const left = heard.filter(one => word === 'firing' && !one.startsWith('firing '))
    return [{ ...now, told: word, heard: left.length > 0 ? left : undefined }]
  })
}

function knows({ told, heard = [] }: Alert, hook: string, word: 'firing' | 'resolved'): boolean {
  return told === word || heard.includes(`${word} ${hook}`)
}

function wordOf({ state }: Alert): 'firing' | 'resolved' {
  return state === 'inactive' ? 'resolved' : 'firing'
}
