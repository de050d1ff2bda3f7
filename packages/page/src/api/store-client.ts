// Asks the store. Everything the page knows comes through here, from the public HTTP API.

import { StoreError } from '../errors.ts'
import { retriesMax, retryWaitMaxMs, silentMs, urlCharsMax } from '../limits.ts'
import type { SignedIn } from './answers.ts'

export type Params = Readonly<Record<string, string | number | undefined>>

export interface AskOptions {
  readonly signal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** What people sign in with. */
export type Secret =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }

/** With it, the store does not make the browser open its own window for a password. */
const pageHeader = { 'X-Skald-Page': '1' }

/** A store at an address. */
export class StoreClient {
  readonly #base: URL
  readonly #tenant: () => string
  readonly #onName: (name: string) => void

  /**
   * @param base Address of the page, with a slash at its end.
   * @param onName Gets the name of whom the store knows the page as.
   */
  constructor(base: URL, tenant: () => string, onName: (name: string) => void = () => undefined) {
    this.#base = base
    this.#onName = onName
    this.#tenant = tenant
  }

  /** The address without the slash, such as `http://127.0.0.1:3100`. */
  get address(): string {
    return this.#base.href.replace(/\/$/, '')
  }

  /** Asks for JSON. Asks again if the store is busy. @throws StoreError, or AbortError. */
  async json<Answer>(path: string, params: Params = {}, options: AskOptions = {}): Promise<Answer> {
    const response = await this.#askAgain(path, params, options)
    return (await response.json()) as Answer
  }

  /** Asks for text. @throws StoreError, or AbortError. */
  async text(path: string, params: Params = {}, options: AskOptions = {}): Promise<string> {
    return (await this.#askAgain(path, params, options)).text()
  }

  /** Opens a live tail. */
  socket(path: string, params: Params): WebSocket {
    const url = new URL(path, this.#base)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.search = formOf(params).toString()
    const tenant = this.#tenant()
    return tenant === '' ? new WebSocket(url) : new WebSocket(url, protocolOf(tenant))
  }

  /** Opens a session, which the browser keeps in a cookie that the page cannot read. @throws StoreError */
  async signIn(secret: Secret): Promise<SignedIn> {
    const response = await this.#post('skald/sign-in', JSON.stringify(secret))
    return ((await response.json()) as { data: SignedIn }).data
  }

  /** Ends the session. @throws StoreError */
  async signOut(): Promise<void> {
    await this.#post('skald/sign-out', '')
  }

  async #post(path: string, body: string): Promise<Response> {
    const headers = { ...pageHeader, 'Content-Type': 'application/json' }
    const signal = AbortSignal.timeout(silentMs)
    const url = new URL(path, this.#base)
    const response = await fetch(url, { method: 'POST', headers, body, signal }).catch(cause => {
      throw unanswered(cause)
    })
    if (!response.ok) throw await errorOf(response)
    return response
  }

  async #askAgain(path: string, params: Params, options: AskOptions): Promise<Response> {
    for (let retry = 0; ; retry++) {
      const response = await this.#ask(path, params, options)
      if (response.ok) {
        const name = response.headers.get('X-Skald-User')
        if (name !== null) this.#onName(decodeURIComponent(name))
        return response
      }
      const isBusy = response.status === 429 || response.status === 503
      if (!isBusy || retry >= retriesMax) throw await errorOf(response)
      const seconds = Number(response.headers.get('Retry-After')) || 1
      await pause(Math.min(retryWaitMaxMs, seconds * 1000 * 2 ** retry), options.signal)
    }
  }

  async #ask(path: string, params: Params, { signal, headers }: AskOptions): Promise<Response> {
    const form = formOf(params)
    const tenant = this.#tenant()
    const url = new URL(path, this.#base)
    const isLong = form.toString().length > urlCharsMax
    if (!isLong) url.search = form.toString()
    const silent = AbortSignal.timeout(silentMs)
    try {
      return await fetch(url, {
        signal: signal ? AbortSignal.any([signal, silent]) : silent,
        headers: { ...pageHeader, ...headers, ...(tenant !== '' && { 'X-Scope-OrgID': tenant }) },
        ...(isLong && { method: 'POST', body: form }),
      })
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw unanswered(cause)
    }
  }
}

async function errorOf(response: Response): Promise<StoreError> {
  const text = (await response.text()).trim()
  const needsSignIn = response.status === 401 && response.headers.has('WWW-Authenticate')
  return new StoreError(text, response.status, { needsSignIn })
}

function unanswered(cause: unknown): StoreError {
  return new StoreError('', 0, { cause })
}

/** Returns true for the error of a request that the page itself gave up. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

function formOf(params: Params): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) form.set(name, String(value))
  }
  return form
}

/** Browsers cannot send headers with a websocket, so the tenant is in its subprotocol. */
function protocolOf(tenant: string): string {
  const text = encodeURIComponent(tenant).replaceAll('(', '%28').replaceAll(')', '%29')
  return `skald-tenant.${text}`
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason)
      },
      { once: true },
    )
  })
}
