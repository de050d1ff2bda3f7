// Checks passwords of users. Those that were right or wrong a short while ago are remembered by a keyed hash, because a
// client sends its password with every request.

import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import {
  checkedPasswordMs,
  checkedPasswordsMax,
  passwordChecksMax,
  passwordQueueMax,
} from '../limits.ts'
import { BcryptThread } from './bcrypt-thread.ts'
import type { PasswordHash } from './htpasswd.ts'

/** Is checked if there are no users at all. Nobody has its password. */
const nobody: PasswordHash = {
  kind: 'bcrypt',
  text: '$2b$10$CwTycUXWue0Thq9StjUM0uJ8.z5n1hR0kz0mJ4l6n3m1yF5l2b0aK',
}

export interface PasswordToCheck {
  readonly user: string
  readonly password: string
  /** `undefined` if there is no such user. */
  readonly hash: PasswordHash | undefined
  /** The hash of another user, which is checked if there is no such user: an answer then takes as long as for one. */
  readonly standIn?: PasswordHash | undefined
}

/** Checks a few passwords at once; others wait. */
export class PasswordChecker {
  /** A key that only this process has, so that remembered hashes are useless elsewhere. */
  readonly #key = randomBytes(32)
  readonly #clock: { now(): number }
  readonly #bcrypt = new BcryptThread()
  readonly #known = new Map<string, { readonly isRight: boolean; readonly untilMs: number }>()
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #queue: (() => void)[] = []
  #checking = 0

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** Returns whether a password is right if that is known already. The hash is part of the key, so a new file counts at once. */
  recall(asked: PasswordToCheck): boolean | undefined {
    const key = this.#keyOf(asked)
    const found = this.#known.get(key)
    if (!found) return undefined
    if (found.untilMs > this.#clock.now()) return found.isRight
    this.#known.delete(key)
    return undefined
  }

  /** Resolves with whether a password is right, or with `undefined` if too many wait. */
  async check(asked: PasswordToCheck): Promise<boolean | undefined> {
    const known = this.recall(asked)
    if (known !== undefined) return known
    const key = this.#keyOf(asked)
    const running = this.#running.get(key)
    if (running !== undefined) return running
    if (this.#queue.length >= passwordQueueMax) return undefined
    const run = this.#inTurn(() => this.#verify(asked)).finally(() => this.#running.delete(key))
    this.#running.set(key, run)
    const isRight = await run
    this.#remember(key, isRight)
    return isRight
  }

  async close(): Promise<void> {
    await this.#bcrypt.close()
  }

  #keyOf({ user, password, hash }: PasswordToCheck): string {
    const parts = [user, hash?.text ?? '', password]
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64')
  }

  #remember(key: string, isRight: boolean): void {
    if (this.#known.size >= checkedPasswordsMax) {
      const [oldest] = this.#known.keys()
      this.#known.delete(oldest!)
    }
    this.#known.set(key, { isRight, untilMs: this.#clock.now() + checkedPasswordMs })
  }

  async #verify({ password, hash, standIn }: PasswordToCheck): Promise<boolean> {
    const checked = hash ?? standIn ?? nobody
    const isRight =
      checked.kind === 'bcrypt'
        ? await this.#bcrypt.check(password, checked.text)
        : await isScryptOf(password, checked)
    return isRight && hash !== undefined
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#checking >= passwordChecksMax) {
      await new Promise<void>(resolve => this.#queue.push(resolve))
    } else this.#checking++
    try {
      return await work()
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#checking--
    }
  }
}

function isScryptOf(
  password: string,
  { hash, salt, n, r, p }: Extract<PasswordHash, { readonly kind: 'scrypt' }>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 128 * n * r + 2 ** 20 * (p + 1) }
    scrypt(password, salt, hash.length, options, (error, derived) => {
      if (error) reject(error)
      else resolve(timingSafeEqual(derived, hash))
    })
  })
}
