// /service-discovery: what was found, its labels after relabelling, and why the rest is not read.

import type { JobTargets } from '../discovery/job-targets.ts'
import type { OfferedTarget, TargetFailure } from '../discovery/offered-targets.ts'
import { shownLeftOutMax, shownReadMax } from '../limits.ts'
import { type Html, html, labelTexts, passesFilter, renderLabels, renderPage } from './page.ts'

/** A target as found. */
export interface DiscoveredTarget {
  readonly discoveredLabels: Readonly<Record<string, string>>
  /** Absent if it is not read. */
  readonly labels?: Readonly<Record<string, string>>
  readonly path?: string
  /** Why it is not read. */
  readonly reason?: TargetFailure
}

/** The data of the page, also served as JSON. */
export interface DiscoveryView {
  readonly jobs: readonly {
    readonly job: string
    readonly isComplete: boolean
    readonly readCount: number
    readonly leftOutCount: number
    readonly targets: readonly DiscoveredTarget[]
  }[]
}

const reasons: Readonly<Record<TargetFailure, string>> = {
  dropped: 'dropped by relabelling',
  wrong_host: '__host__ is another host',
  no_path: 'it has no __path__',
  exists: 'the same as one before',
}

/** Collects the targets that match a filter. */
export function viewDiscovery(jobs: readonly JobTargets[], filter: string): DiscoveryView {
  return {
    jobs: jobs.map(({ config: { jobName }, isComplete, offered }) => {
      const passing = offered.filter(({ discovered, outcome }) =>
        passesFilter(filter, [
          ...[jobName, ...(typeof outcome === 'string' ? [outcome] : [outcome.path])],
          ...labelTexts(discovered),
          ...(typeof outcome === 'string' ? [] : labelTexts(outcome.labels)),
        ]),
      )
      const read = passing.filter(({ outcome }) => typeof outcome !== 'string')
      const leftOut = passing.filter(({ outcome }) => typeof outcome === 'string')
      return {
        ...{ job: jobName, isComplete, readCount: read.length, leftOutCount: leftOut.length },
        targets: [...read.slice(0, shownReadMax), ...leftOut.slice(0, shownLeftOutMax)].map(
          viewTarget,
        ),
      }
    }),
  }
}

function viewTarget({ discovered, outcome }: OfferedTarget): DiscoveredTarget {
  const discoveredLabels = Object.fromEntries(discovered)
  if (typeof outcome === 'string') return { discoveredLabels, reason: outcome }
  return { discoveredLabels, labels: Object.fromEntries(outcome.labels), path: outcome.path }
}

/** Renders the page. */
export function renderDiscoveryPage(view: DiscoveryView, prefix: string, filter: string): string {
  const sections = view.jobs.map(({ job, isComplete, readCount, leftOutCount, targets }) => {
    const waiting = isComplete
      ? html``
      : html`, <span class="bad">discovery has not answered</span>`
    const hidden = readCount + leftOutCount - targets.length
    const more = hidden > 0 ? html`<p class="soft">${hidden} more: use the filter</p>` : html``
    const summary = html`${readCount} are read, ${leftOutCount} are left out${waiting}`
    return html`<section><h2>${job}</h2><p class="soft">${summary}</p>${renderTable(targets)}${more}</section>`
  })
  return renderPage({ title: 'Service discovery', prefix, filter }, html`${sections}`)
}

function renderTable(targets: readonly DiscoveredTarget[]): Html {
  if (targets.length === 0) return html``
  const rows = targets.map(({ discoveredLabels, labels, path, reason }) => {
    const outcome = reason
      ? html`<span class="soft">not read: ${reasons[reason]}</span>`
      : html`<div><code>${path ?? ''}</code></div>${renderLabels(Object.entries(labels ?? {}))}`
    return html`<tr><td>${renderLabels(Object.entries(discoveredLabels))}</td><td>${outcome}</td></tr>`
  })
  return html`<table><tr><th>Discovered labels</th><th>Path and labels</th></tr>${rows}</table>`
}
