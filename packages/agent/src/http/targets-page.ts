// /targets: what each job reads, and its progress.

import { shownTargetsMax } from '../limits.ts'
import type { SourceStatus } from '../sources/source-runner.ts'
import type { TargetStatus } from '../tail/managed-target.ts'
import type { AgentView } from './agent-view.ts'
import { type Html, html, labelTexts, passesFilter, renderLabels, renderPage } from './page.ts'

/** The data of the page, also served as JSON. */
export interface TargetsView {
  readonly jobs: readonly {
    readonly job: string
    /** Kinds of discovery, such as `kubernetes`. */
    readonly discovery: readonly string[]
    /** True if every discoverer has answered. */
    readonly isComplete: boolean
    /** True if at least one file is being read, or its source accepts lines. */
    readonly isReady: boolean
    /** Its sources other than files; one for each client with its own. */
    readonly sources: readonly SourceStatus[]
    readonly targets: readonly TargetStatus[]
  }[]
}

/** Collects the targets that match a filter. */
export function viewTargets(
  agent: Pick<AgentView, 'jobs' | 'targets' | 'sources'>,
  filter: string,
): TargetsView {
  const targets = agent.targets()
  const allSources = agent.sources()
  return {
    jobs: agent.jobs.map(({ config: { jobName, staticConfigs, discoveries }, isComplete }) => {
      const mine = targets.filter(({ job }) => job === jobName)
      const sources = allSources.filter(({ job }) => job === jobName)
      const passing = mine.filter(target =>
        passesFilter(filter, [
          ...[jobName, target.path, ...target.files.map(({ path }) => path)],
          ...labelTexts(Object.entries(target.labels)),
        ]),
      )
      return {
        job: jobName,
        discovery: [
          ...(staticConfigs.length > 0 ? ['static'] : []),
          ...new Set(discoveries.map(({ kind }) => kind)),
        ],
        isComplete,
        isReady:
          mine.some(({ files }) => files.length > 0) || sources.some(source => source.isReady),
        sources,
        targets: passing,
      }
    }),
  }
}

/** Renders the page. */
export function renderTargetsPage(view: TargetsView, prefix: string, filter: string): string {
  const sections = view.jobs.map(({ job, discovery, isComplete, isReady, sources, targets }) => {
    const state = isReady
      ? html`<span class="good">ready</span>`
      : html`<span class="bad">not ready: ${sources.length > 0 ? 'it takes no lines' : 'no file is being read'}</span>`
    const waiting = isComplete
      ? html``
      : html`, <span class="bad">discovery has not answered</span>`
    const more =
      targets.length > shownTargetsMax
        ? html`<p class="soft">${targets.length - shownTargetsMax} more: use the filter</p>`
        : html``
    const reads =
      discovery.length > 0 ? html`${discovery.join(', ')}: ${targets.length} targets, ` : html``
    return html`<section><h2>${job}</h2><p class="soft">${reads}${state}${waiting}</p>${renderSources(sources)}${renderTable(targets.slice(0, shownTargetsMax))}${more}</section>`
  })
  const none = view.jobs.length === 0 ? html`<p>No jobs are configured.</p>` : html``
  return renderPage({ title: 'Targets', prefix, filter }, html`${sections}${none}`)
}

function renderSources(sources: readonly SourceStatus[]): Html {
  const items = sources.map(({ place, problem }) => {
    const why = problem === undefined ? html`` : html` <span class="bad">${problem}</span>`
    const where = place === '' ? html`` : html`<code>${place}</code>`
    return html`<p>${where}${why}</p>`
  })
  return html`${items}`
}

function renderTable(targets: readonly TargetStatus[]): Html {
  if (targets.length === 0) return html``
  const rows = targets.map(({ path, labels, isGone, files }) => {
    const gone = isGone ? html` <span class="soft">(gone, read to its end)</span>` : html``
    return html`<tr><td><code>${path}</code>${gone}</td><td>${renderLabels(Object.entries(labels))}</td><td>${renderFiles(files)}</td></tr>`
  })
  return html`<table><tr><th>Path</th><th>Labels</th><th>Files and positions</th></tr>${rows}</table>`
}

function renderFiles(files: TargetStatus['files']): Html {
  if (files.length === 0) return html`<span class="soft">none found</span>`
  const items = files.map(({ path, readOffset, sizeBytes }) => {
    const behind = sizeBytes === undefined ? 0 : Math.max(0, sizeBytes - readOffset)
    const size = sizeBytes === undefined ? '' : ` of ${sizeBytes}`
    const lag = behind > 0 ? html` <span class="bad">${behind} behind</span>` : html``
    return html`<div><code>${path}</code> ${readOffset}${size}${lag}</div>`
  })
  return html`${items}`
}
