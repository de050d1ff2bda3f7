// Caches short strings. Logs repeat a few values (levels, methods, statuses) endlessly, and looking one up
// by its bytes is cheaper than decoding it again.

import { shortTextLengthMax } from '../limits.ts'

const slotCount = 1_024

/** Decodes UTF-8, with a cache of recent results. */
export class ShortTexts {
  /** Slot → bytes, `shortTextLengthMax` each. */
  readonly #bytes = new Uint8Array(slotCount * shortTextLengthMax)
  readonly #texts = new Array<string>(slotCount).fill('')
  /** Slot → length of its bytes; 0 for none. */
  readonly #lengths = new Uint8Array(slotCount)

  text(bytes: Buffer, start: number, end: number): string {
    return this.validText(bytes, start, end) ?? bytes.toString('utf8', start, end)
  }

  /** Decodes like `text`, but returns `undefined` if the bytes are not UTF-8 or contain U+FFFD. */
  validText(bytes: Buffer, start: number, end: number): string | undefined {
    const length = end - start
    if (length > shortTextLengthMax || length === 0) return decodeValid(bytes, start, end)
    let hash = length
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
    const slot = (hash ^ (hash >>> 11)) & (slotCount - 1)
    if (this.#isAt(slot, bytes, start, length)) return this.#texts[slot]!
    const text = decodeValid(bytes, start, end)
    if (text === undefined) return undefined
    const base = slot * shortTextLengthMax
    for (let i = 0; i < length; i++) this.#bytes[base + i] = bytes[start + i]!
    this.#lengths[slot] = length
    this.#texts[slot] = text
    return text
  }

  #isAt(slot: number, bytes: Buffer, start: number, length: number): boolean {
    if (this.#lengths[slot] !== length) return false
    const base = slot * shortTextLengthMax
    for (let i = 0; i < length; i++) if (this.#bytes[base + i] !== bytes[start + i]) return false
    return true
  }
}

function decodeValid(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString('utf8', start, end)
  return text.includes('\ufffd') ? undefined : text
}
