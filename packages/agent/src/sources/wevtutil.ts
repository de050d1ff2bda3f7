// Reads channels of Windows' event log page by page through wevtutil, the system's own program. Its
// options: learn.microsoft.com/windows-server/administration/windows-commands/wevtutil

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TextDecoder } from 'node:util'
import { formatDurationMs } from '@skald/go-dialect'
import { privateFileMode } from '@skald/wire'
import { WevtutilError } from '../errors.ts'
import { eventCharactersMax, eventPageMax, eventSilenceMsMax } from '../limits.ts'
import { decoderOf, type RunningProgram, startProgram } from './program.ts'
import { type ChannelQuery, formatBookmark, parseBookmark, placeOf } from './windows-query.ts'

/** A page of events, oldest first. */
export interface Page {
  /** XML of the events. Read it to its end before the next request. */
  readonly events: AsyncIterable<string>
  /** Returns the number of the channel's last record, known after the last event. */
  lastRecordId(): number | undefined
}

const eventEnd = '</Event>'

/** Runs wevtutil, one process at a time. */
export class Wevtutil {
  readonly #directory = mkdtempSync(join(tmpdir(), 'skald-events-'))
  readonly #locale: string | undefined
  readonly #silenceMs: number
  #running: RunningProgram | undefined

  /**
   * `locale` is a name such as `en-US`. `silenceMs` is how long a program may be silent before it is
   * killed.
   */
  constructor(locale: string | undefined, silenceMs = eventSilenceMsMax) {
    this.#locale = locale
    this.#silenceMs = silenceMs
  }

  /** Returns the number of a channel's newest or oldest record, or `undefined` if it has none. */
  async recordAt(end: 'newest' | 'oldest', channel: string): Promise<number | undefined> {
    const query = { channel, xpath: '*', list: undefined }
    const page = this.#query(query, [`/rd:${end === 'newest'}`, '/f:XML', '/c:1'])
    let recordId: number | undefined
    for await (const event of page.events) {
      recordId = Number(/<EventRecordID>(\d+)</.exec(event)?.[1] ?? Number.NaN)
    }
    if (recordId === undefined) return undefined
    // A forwarded event carries the number from its own computer.
    const last = page.lastRecordId() ?? recordId
    if (Number.isSafeInteger(last)) return last
    throw new Error(`the ${end} record of ${channel} has no number`)
  }

  /** Returns the events after a record, or all events if it is 0. */
  page(query: ChannelQuery, behind: number): Page {
    const options = ['/rd:false', '/f:RenderedXml', `/c:${eventPageMax}`]
    if (this.#locale !== undefined) options.push(`/l:${this.#locale}`)
    if (behind > 0) {
      const path = join(this.#directory, 'from.xml')
      writeFileSync(path, formatBookmark(new Map([[query.channel, behind]])), {
        mode: privateFileMode,
      })
      options.push(`/bm:${path}`)
    }
    return this.#query(query, options)
  }

  #query({ channel, xpath, list }: ChannelQuery, options: readonly string[]): Page {
    const saved = join(this.#directory, 'to.xml')
    rmSync(saved, { force: true })
    let what = [channel, `/q:${xpath}`]
    if (list !== undefined) {
      const path = join(this.#directory, 'query.xml')
      writeFileSync(path, list, { mode: privateFileMode })
      what = [path, '/sq:true']
    }
    const args = ['qe', ...what, ...options, '/uni:true', `/sbm:${saved}`]
    return { events: this.#run(args), lastRecordId: () => readBookmarkOf(saved, channel) }
  }

  async *#run(args: readonly string[]): AsyncGenerator<string> {
    const running = startProgram('wevtutil', args)
    this.#running = running
    try {
      yield* splitEvents(this.#heard(running))
      const end = await this.#inTime(running.ended, running)
      if (end.exitCode !== 0) throw new WevtutilError(end)
    } catch (error) {
      // The program's own error explains an incomplete output best.
      const end = await running.ended
      throw end.exitCode === 0 || end.exitCode === null ? error : new WevtutilError(end)
    } finally {
      running.child.kill()
      await running.ended
      this.#running = undefined
    }
  }

  /** Yields a program's output while it keeps writing. Time that the reader takes does not count. */
  async *#heard(running: RunningProgram): AsyncGenerator<Buffer> {
    const chunks = running.child.stdout[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await this.#inTime(chunks.next(), running)
        if (done) return
        yield value
      }
    } finally {
      // Closing the pipe lets the program end.
      running.child.stdout.destroy()
    }
  }

  /** Waits for a promise. Kills the program if that takes too long. */
  async #inTime<T>(wanted: Promise<T>, { child }: RunningProgram): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        child.kill('SIGKILL')
        // Its child processes may keep the output open.
        child.stdout.destroy()
        child.stderr.destroy()
        reject(
          new Error(`wevtutil was silent for ${formatDurationMs(this.#silenceMs)} and was killed`),
        )
      }, this.#silenceMs)
    })
    try {
      return await Promise.race([wanted, silence])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Kills the running program. */
  stop(): void {
    this.#running?.child.kill()
  }

  /** Removes its temporary files. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Returns the position that wevtutil saved for a channel, or `undefined` if it saved none. */
function readBookmarkOf(path: string, channel: string): number | undefined {
  try {
    const bytes = readFileSync(path)
    const places = parseBookmark(decoderOf(bytes).decode(bytes))
    return placeOf(places, channel) ?? [...places.values()].at(-1)
  } catch {
    // The events' own numbers give the position instead.
    return undefined
  }
}

/**
 * Splits an output into events. For an event too large to be real, yields only its first part.
 *
 * @throws Error if the output ends within an event.
 */
async function* splitEvents(output: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined
  let rest = ''
  let isTooLong = false
  for await (const chunk of output) {
    decoder ??= decoderOf(chunk)
    // The end tag may be split between two chunks.
    let searched = Math.max(0, rest.length - eventEnd.length)
    rest += decoder.decode(chunk, { stream: true })
    for (let at = rest.indexOf(eventEnd, searched); at >= 0; at = rest.indexOf(eventEnd)) {
      const event = rest.slice(0, at + eventEnd.length)
      rest = rest.slice(at + eventEnd.length)
      searched = 0
      if (!isTooLong) yield event.trim()
      isTooLong = false
    }
    if (rest.length > eventCharactersMax) {
      if (!isTooLong) yield rest.trim()
      isTooLong = true
      rest = rest.slice(-eventEnd.length)
    }
  }
  if (isTooLong || rest.includes('<')) throw new Error('the output ends within an event')
}
