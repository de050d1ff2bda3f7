// Sessions of the page: a cookie stands for whom it signed in as. They are in memory only, so a restart ends them.

import { randomBytes } from 'node:crypto'
import { sessionIdleMs, sessionMs, sessionsMax } from '../limits.ts'
import type { Identity } from './auth-config.ts'
import { sha256Of } from './credentials.ts'

interface Session {
  readonly renew: () => Identity | undefined
  readonly endsMs: number
  idleEndsMs: number
}

export class Sessions {
  readonly #clock: { now(): number }
  /** By the hash of the cookie. The session that was used last is the last. */
  readonly #sessions = new Map<string, Session>()

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** Opens a session. Returns its cookie. Of too many, the one that was not used for the longest time ends. */
  open(renew: Session['renew']): string {
    const cookie = randomBytes(32).toString('base64url')
    if (this.#sessions.size >= sessionsMax) {
      const [oldest] = this.#sessions.keys()
      this.#sessions.delete(oldest!)
    }
    const now = this.#clock.now()
    const session = { renew, endsMs: now + sessionMs, idleEndsMs: now + sessionIdleMs }
    this.#sessions.set(sha256Of(cookie), session)
    return cookie
  }

  /** Returns whose session a cookie stands for; `undefined` if it has ended, or they may no longer come in. */
  find(cookie: string): Identity | undefined {
    const key = sha256Of(cookie)
    const session = this.#sessions.get(key)
    if (!session) return undefined
    this.#sessions.delete(key)
    const now = this.#clock.now()
    if (now >= session.endsMs || now >= session.idleEndsMs) return undefined
    const identity = session.renew()
    if (!identity) return undefined
    session.idleEndsMs = now + sessionIdleMs
    this.#sessions.set(key, session)
    return identity
  }

  /** Ends a session. */
  end(cookie: string): void {
    this.#sessions.delete(sha256Of(cookie))
  }
}
