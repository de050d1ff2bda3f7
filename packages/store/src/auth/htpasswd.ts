// An htpasswd file: one `NAME:HASH` a line. Hashes are bcrypt, as `htpasswd -B` makes them, or scrypt.

import { readFileSync, statSync } from 'node:fs'
import { AuthFileError } from '../errors.ts'
import { bcryptCost, htpasswdBytesMax, scryptBytesMax } from '../limits.ts'

export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string }
  | {
      readonly kind: 'scrypt'
      readonly text: string
      readonly salt: Buffer
      readonly hash: Buffer
      /** Cost, block size and parallelization. */
      readonly n: number
      readonly r: number
      readonly p: number
    }

/** Hashes by the name of their user. */
export type Passwords = ReadonlyMap<string, PasswordHash>

/**
 * Reads a file.
 * @throws AuthFileError that says which line cannot be used. It never shows a hash.
 */
export function readHtpasswd(path: string): Passwords {
  let text: string
  try {
    const { size } = statSync(path)
    if (size > htpasswdBytesMax) {
      throw new AuthFileError(`Cannot use ${path}: at most ${htpasswdBytesMax} bytes are allowed`)
    }
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof AuthFileError) throw error
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new AuthFileError(`Cannot read ${path}: ${why}`, { cause: error })
  }
  return parseHtpasswd(text, path)
}

/** Parses the text of a file. @throws AuthFileError that says which line cannot be used. */
export function parseHtpasswd(text: string, path: string): Passwords {
  const passwords = new Map<string, PasswordHash>()
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) continue
    const fail = (why: string): never => {
      throw new AuthFileError(`Cannot use ${path}, line ${index + 1}: ${why}`)
    }
    const colon = line.indexOf(':')
    if (colon <= 0) fail('write NAME:HASH')
    const name = line.slice(0, colon)
    if (passwords.has(name)) fail('the user is there twice')
    passwords.set(name, parseHash(line.slice(colon + 1), fail))
  }
  return passwords
}

function parseHash(text: string, fail: (why: string) => never): PasswordHash {
  if (text.startsWith('$scrypt$')) return parseScrypt(text, fail)
  const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text)
  if (!bcrypt) {
    return fail(
      'the password is neither a bcrypt nor a scrypt hash: write the line with `htpasswd -B`',
    )
  }
  const cost = Number(bcrypt[1])
  if (cost < bcryptCost.least || cost > bcryptCost.most) {
    fail(
      `the cost of bcrypt is ${cost}: write it with one from ${bcryptCost.least} to ${bcryptCost.most}`,
    )
  }
  return { kind: 'bcrypt', text }
}

/** Parses the form of the PHC: `$scrypt$ln=15,r=8,p=1$SALT$HASH`, both in Base64 without padding. */
function parseScrypt(text: string, fail: (why: string) => never): PasswordHash {
  const form =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/.]+)\$([A-Za-z0-9+/.]+)$/
  const [, ln = '', r = '', p = '', salt = '', hash = ''] = form.exec(text) ?? []
  if (hash === '') fail('write scrypt as $scrypt$ln=15,r=8,p=1$SALT$HASH')
  // passlib writes a dot in the place of the plus.
  const bytes = (base64: string) => Buffer.from(base64.replaceAll('.', '+'), 'base64')
  const found = { n: 2 ** Number(ln), r: Number(r), p: Number(p) }
  if (found.n < 2 || found.r < 1 || found.p < 1) fail('ln, r and p of scrypt must be above 0')
  if (128 * found.n * found.r > scryptBytesMax || found.p > 4) {
    fail('this scrypt takes too much memory or time: write it with ln=15,r=8,p=1')
  }
  const [saltBytes, hashBytes] = [bytes(salt), bytes(hash)]
  if (saltBytes.length < 8 || hashBytes.length < 16 || hashBytes.length > 64) {
    fail('the salt of scrypt has at least 8 bytes, the hash 16 to 64')
  }
  return { kind: 'scrypt', text, salt: saltBytes, hash: hashBytes, ...found }
}
