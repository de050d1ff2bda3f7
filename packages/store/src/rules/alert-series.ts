// The series ALERTS and ALERTS_FOR_STATE, which say what alerts there are.

import { createLabelSet, type LabelSet } from '@skald/wire'
import type { Alert } from './alert-machine.ts'
import type { WrittenSample } from './evaluate.ts'

/** Returns the samples of the pending and firing alerts of a rule. */
export function seriesOfAlerts(alerts: readonly Alert[], timeMs: number): WrittenSample[] {
  return alerts.flatMap(({ labels, state, activeMs }) => [
    {
      labels: named(labels, [['__name__', 'ALERTS'] as const, ['alertstate', state] as const]),
      timeMs,
      value: 1,
    },
    {
      labels: named(labels, [['__name__', 'ALERTS_FOR_STATE'] as const]),
      timeMs,
      value: Math.floor(activeMs / 1000),
    },
  ])
}

function named(labels: LabelSet, more: readonly (readonly [string, string])[]): LabelSet {
  return createLabelSet([...labels.map(({ name, value }) => [name, value] as const), ...more])
}
