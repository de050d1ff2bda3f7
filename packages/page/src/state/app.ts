// The page as a whole: what is shown, what was asked, and what people can do. Views only draw it.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import type { StoreStatus } from '../api/answers.ts'
import { type Secret, StoreClient } from '../api/store-client.ts'
import { StoreError } from '../errors.ts'
import { exportRowsMax, noteMs } from '../limits.ts'
import { identityOf, type Row } from '../line/row.ts'
import { kindOf, marksOf } from '../logql/logql-text.ts'
import type { Texts } from '../texts/en.ts'
import { textsOf } from '../texts/languages.ts'
import { type Address, formatAddress, parseAddress } from './address.ts'
import { LoadedLines } from './lines.ts'
import { Live } from './live.ts'
import { absoluteRange, defaultRange, type NsRange, resolveRange, type TimeRange } from './range.ts'
import { remember, type Settings } from './settings.ts'
import { tenantsIn } from './tenants.ts'

/** One run of a query: what all parts of the view ask about. */
export interface Run extends NsRange {
  readonly id: number
  readonly query: string
  readonly kind: 'lines' | 'samples'
  readonly range: TimeRange
  readonly marks: RegExp | undefined
}

export type DialogName =
  | 'keys'
  | 'saved'
  | 'export'
  | 'tenant'
  | 'sign-in'
  | 'builder'
  | 'range'
  | 'why'
  | ''

/** The query that shows everything, if every stream has the label. */
const everything = '{service_name=~".+"}'

/** Ranges that the first view tries until it finds lines. */
const widerRanges: readonly TimeRange[] = [
  { from: 'now-24h', to: 'now' },
  { from: 'now-7d', to: 'now' },
  { from: 'now-30d', to: 'now' },
]

export interface AppOptions {
  readonly settings: Settings
  readonly window: Window
}

export interface EditorProps {
  readonly app: App
}

/** The page. */
export class App {
  readonly client: StoreClient
  readonly settings: Settings
  readonly address: Signal<Address>
  /** The text in the query field. */
  readonly draft: Signal<string> = signal('')
  readonly run: Signal<Run | undefined> = signal(undefined)
  readonly lines: Signal<LoadedLines | undefined> = signal(undefined)
  readonly live: Signal<Live | undefined> = signal(undefined)
  readonly dialog: Signal<DialogName> = signal('')
  readonly note: Signal<string> = signal('')
  readonly status: Signal<StoreStatus | undefined> = signal(undefined)
  /** Whom the store knows the page as; empty if it does not ask. */
  readonly userName: Signal<string> = signal('')
  /** Tenants that the user may choose from, as far as the page knows them. */
  readonly ownTenants: Signal<readonly string[]> = signal([])
  /** Whether the store has no lines at all. */
  readonly isEmpty: Signal<boolean> = signal(false)
  /** The editor of the query, once it is loaded. Views come and go. */
  readonly editor: Signal<ComponentType<EditorProps> | undefined> = signal(undefined)
  /** Whether the next editor takes the cursor: somebody asked for it before it was there. */
  isQueryWanted = false
  /** Line that has the keyboard, by its place in the list. */
  readonly cursor: Signal<number> = signal(-1)
  readonly texts: ReadonlySignal<Texts>
  readonly openedNs: bigint
  /** Most lines that the tenant may read at a time. */
  pageMost = exportRowsMax
  readonly #window: Window
  #runs = 0
  #noteTimer: ReturnType<typeof setTimeout> | undefined
  #mayWiden = false

  constructor({ settings, window }: AppOptions) {
    this.#window = window
    this.settings = settings
    this.openedNs = BigInt(Date.now()) * 1_000_000n
    const base = new URL('.', window.location.href.replace(/[#?].*$/, ''))
    this.client = new StoreClient(
      base,
      () => settings.tenant.value,
      name => {
        this.userName.value = name
      },
    )
    this.address = signal(parseAddress(window.location.hash))
    this.texts = computed(() => textsOf(settings.language.value))
    this.draft.value = this.address.value.query || everything
    window.addEventListener('hashchange', () => this.#follow(parseAddress(window.location.hash)))
    effect(() => {
      const { documentElement: root } = window.document
      root.lang = settings.language.value
      root.dataset.theme = settings.theme.value
    })
  }

  get range(): TimeRange {
    return this.address.value.range ?? defaultRange
  }

  /** Shows what the address says, for the first time. */
  start(): void {
    const { query, range, isLive } = this.address.value
    this.#mayWiden = query === '' && range === undefined
    this.#execute(isLive)
    void this.#readLimits()
  }

  /** Runs the query in the field. */
  submit(): void {
    this.#mayWiden = false
    const query = this.draft.value.trim()
    remember(this.settings.history, query)
    this.go({ query, line: '' })
    this.#execute(this.address.value.isLive)
  }

  /** Runs another query. */
  ask(query: string): void {
    this.draft.value = query
    this.submit()
  }

  /** Runs the query over another range. */
  setRange(range: TimeRange): void {
    this.#mayWiden = false
    this.go({ range, line: '', isLive: false })
    this.#execute(false)
  }

  /** Changes the range by moving it: -1 back by its length, 1 forward. */
  moveRange(direction: -1 | 1): void {
    const { startNs, endNs } = resolveRange(this.range, Date.now())
    const by = BigInt(direction) * (endNs - startNs)
    this.setRange(absoluteRange(startNs + by, endNs + by))
  }

  setLive(isLive: boolean): void {
    this.go({ isLive })
    this.#execute(isLive)
  }

  setOrder(order: Address['order']): void {
    this.go({ order, line: '' })
    this.#execute(this.address.value.isLive)
  }

  toggleColumn(name: string): void {
    const { columns } = this.address.value
    const isShown = columns.includes(name)
    this.go({ columns: isShown ? columns.filter(other => other !== name) : [...columns, name] })
  }

  /** Changes what is shown, with an entry in the history. */
  go(change: Partial<Address>): void {
    const next = { ...this.address.value, ...change }
    const hash = formatAddress(next)
    if (hash !== this.#window.location.hash) this.#window.history.pushState(null, '', hash)
    this.address.value = next
  }

  /** Returns a link to a line that anybody can open. */
  linkTo(row: Row): string {
    const run = this.run.value
    const address = {
      ...this.address.value,
      query: run?.query ?? this.draft.value,
      range: run ? absoluteRange(run.startNs, run.endNs) : this.range,
      line: identityOf(row).replace(' ', '.'),
      isLive: false,
    }
    return `${this.#window.location.href.replace(/#.*$/, '')}${formatAddress(address)}`
  }

  async copy(text: string): Promise<void> {
    try {
      await this.#window.navigator.clipboard.writeText(text)
      this.say(this.texts.value.copied)
    } catch {
      // Without https, browsers have no clipboard for pages. A selection still works.
      this.#copyBySelection(text)
    }
  }

  /** Shows a note for a moment. */
  say(text: string): void {
    clearTimeout(this.#noteTimer)
    this.note.value = text
    this.#noteTimer = setTimeout(() => {
      this.note.value = ''
    }, noteMs)
  }

  setTenant(tenant: string): void {
    this.settings.tenant.value = tenant
    this.dialog.value = ''
    void this.#readLimits()
    this.#execute(this.address.value.isLive)
  }

  /** Signs in and shows what was asked for. @throws StoreError when the secret is wrong. */
  async signIn(secret: Secret): Promise<void> {
    const { name, tenants } = await this.client.signIn(secret)
    this.userName.value = name
    this.ownTenants.value = tenants
    const { tenant } = this.settings
    // Another user of this tab may have had another one.
    const isOther =
      tenants.length > 0 && !tenantsIn(tenant.value).every(own => tenants.includes(own))
    this.setTenant(isOther ? '' : tenant.value)
  }

  /** Signs out. Nothing of what was shown stays. */
  async signOut(): Promise<void> {
    try {
      await this.client.signOut()
      this.#window.location.reload()
    } catch (error) {
      this.say(this.describe(error))
    }
  }

  /** Says in words why a request failed, and asks for a sign-in or the tenant if that is the reason. */
  explain(error: unknown): string {
    if (error instanceof StoreError && error.status === 401) {
      this.dialog.value = error.needsSignIn ? 'sign-in' : 'tenant'
    }
    return this.describe(error)
  }

  /** Says in words why a request failed. */
  describe(error: unknown): string {
    const texts = this.texts.value
    if (!(error instanceof StoreError)) return String((error as Error)?.message ?? error)
    const { status, message } = error
    if (status === 0) return texts.noAnswer
    if (status === 401) return error.needsSignIn ? texts.signIn.isNeeded : texts.needsTenant
    if (status === 429) return `${texts.tooMuch}: ${message}`
    if (status === 503) return `${texts.notReady}: ${message}`
    return message || `${texts.failed} ${status}`
  }

  #follow(address: Address): void {
    const before = this.address.value
    if (formatAddress(before) === formatAddress(address)) return
    this.address.value = address
    const changed = (['query', 'order', 'line', 'isLive'] as const).some(
      key => before[key] !== address[key],
    )
    const rangeChanged = JSON.stringify(before.range) !== JSON.stringify(address.range)
    if (!changed && !rangeChanged) return
    this.draft.value = address.query || everything
    this.#execute(address.isLive)
  }

  #execute(isLive: boolean): void {
    this.live.value?.stop()
    this.lines.value?.stop()
    const query = this.draft.value.trim() || everything
    const range = this.range
    const resolved = resolveRange(range, Date.now())
    const kind = kindOf(query)
    const run = { ...resolved, id: ++this.#runs, query, kind, range, marks: marksOf(query) }
    const goesLive = isLive && kind === 'lines' && this.#mayGoLive()
    const { order, line } = this.address.value
    const atNs = /^(\d{10,19})\./.exec(line)?.[1]
    const ask = { query, ...resolved, order }
    const isWanted = kind === 'lines' && !goesLive
    const lines = isWanted
      ? new LoadedLines(this.client, ask, {
          pageMost: this.pageMost,
          atNs: atNs === undefined ? undefined : BigInt(atNs),
        })
      : undefined
    batch(() => {
      this.cursor.value = -1
      this.run.value = run
      this.lines.value = lines
      this.live.value = goesLive
        ? new Live(this.client, query, {
            onFrame: draw => this.#window.requestAnimationFrame(draw),
            isAdmitted: () => this.#isAdmitted(),
          })
        : undefined
    })
    if (lines) void this.#loadFirst(lines)
  }

  /** Asks whether the store still lets this user in. If not, asks for a sign-in. */
  async #isAdmitted(): Promise<boolean> {
    try {
      await this.client.text('loki/api/v1/status/buildinfo')
    } catch (error) {
      if (!(error instanceof StoreError) || error.status !== 401) return true
      this.explain(error)
      return false
    }
    return true
  }

  /** The store sends live lines of one tenant only. */
  #mayGoLive(): boolean {
    if (tenantsIn(this.settings.tenant.value).length <= 1) return true
    this.address.value = { ...this.address.value, isLive: false }
    this.say(this.texts.value.liveOfOneTenant)
    return false
  }

  async #loadFirst(lines: LoadedLines): Promise<void> {
    await lines.more()
    if (lines.error.value !== undefined) {
      this.explain(lines.error.value)
      return
    }
    this.isEmpty.value = false
    if (lines.rows.length > 0 || this.lines.value !== lines) return
    await this.#findLines()
  }

  /** Nothing was found. Looks whether there is anything to show at all. */
  async #findLines(): Promise<void> {
    const status = await this.readStatus()
    if (status?.days.length === 0) {
      this.isEmpty.value = true
      return
    }
    if (!this.#mayWiden) return
    const wider = widerRanges[widerRanges.findIndex(({ from }) => from === this.range.from) + 1]
    if (!wider) return
    this.address.value = { ...this.address.value, range: wider }
    this.#execute(false)
  }

  /** Reads the status; `undefined` if the store does not tell. */
  async readStatus(): Promise<StoreStatus | undefined> {
    try {
      const { data } = await this.client.json<{ data: StoreStatus }>('skald/status')
      this.status.value = data
      return data
    } catch (error) {
      this.explain(error)
      return undefined
    }
  }

  async #readLimits(): Promise<void> {
    try {
      const { limits } = await this.client.json<{
        limits: { max_entries_limit_per_query?: number }
      }>('loki/api/v1/drilldown-limits')
      const most = limits.max_entries_limit_per_query ?? 0
      if (most > 0) this.pageMost = Math.min(exportRowsMax, most)
    } catch {
      // The usual limit holds. Whatever is wrong, the query says it too.
    }
  }

  #copyBySelection(text: string): void {
    const { document } = this.#window
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    const isCopied = document.execCommand('copy')
    area.remove()
    this.say(isCopied ? this.texts.value.copied : this.texts.value.notCopied)
  }
}
