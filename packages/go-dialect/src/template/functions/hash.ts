// Functions that make checksums and random texts: one row each.

import { createHash, randomInt, randomUUID } from 'node:crypto'
import { FunctionError } from '../../errors.ts'
import { encodeGoText } from '../../text/go-bytes.ts'
import { fn } from '../function.ts'
import { checkTextLength } from '../print.ts'

const digits = '0123456789'
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')

export const hashFunctions = {
  sha1sum: fn(['string'], text => hash('sha1', text)),
  sha256sum: fn(['string'], text => hash('sha256', text)),
  sha512sum: fn(['string'], text => hash('sha512', text)),
  adler32sum: fn(['string'], text => String(adler32(encodeGoText(text)))),
  Hash: fn(['string', 'string'], (salt, text) => hash('sha3-256', salt + text)),
  Sha2Hash: fn(['string', 'string'], (salt, text) => hash('sha256', salt + text)),
}

export const randomFunctions = {
  randNumeric: fn(['int'], count => randomText(digits, count)),
  randAlpha: fn(['int'], count => randomText(letters, count)),
  randAlphaNum: fn(['int'], count => randomText(letters + digits, count)),
  randAscii: fn(['int'], count => randomText(printable, count)),
  randInt: fn(['int', 'int'], (min, max) => {
    if (max <= min) throw new FunctionError('invalid argument to Intn')
    return BigInt(min + randomInt(Math.min(max - min, 2 ** 47)))
  }),
  shuffle: fn(['string'], shuffle),
  uuidv4: fn([], () => randomUUID()),
}

function hash(algorithm: string, text: string): string {
  return createHash(algorithm).update(encodeGoText(text)).digest('hex')
}

function adler32(bytes: Buffer): number {
  let low = 1
  let high = 0
  for (const byte of bytes) {
    low = (low + byte) % 65_521
    high = (high + low) % 65_521
  }
  return high * 65_536 + low
}

function randomText(alphabet: string, count: number): string {
  checkTextLength(count)
  let text = ''
  for (let i = 0; i < count; i++) text += alphabet[randomInt(alphabet.length)]
  return text
}

function shuffle(text: string): string {
  const characters = [...text]
  for (let i = characters.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[characters[i], characters[j]] = [characters[j]!, characters[i]!]
  }
  return characters.join('')
}
