// The thread that checks passwords against bcrypt hashes: in JavaScript, each takes about 0.1 s.

import { compareSync } from 'bcryptjs'
import { openThreadPort } from '../threads/thread-port.ts'

/** One password to check. */
export interface BcryptCheck {
  readonly id: number
  readonly password: string
  readonly hash: string
}

export interface BcryptVerdict {
  readonly id: number
  readonly isRight: boolean
}

const port = openThreadPort<undefined, BcryptCheck, BcryptVerdict>()

port.onRequest(({ id, password, hash }) => {
  port.answer({ id, isRight: compareSync(password, hash) })
})
