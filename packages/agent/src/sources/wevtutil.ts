// Reads channels of Windows' event log through wevtutil, the system's own program, page by page. Its options:
// learn.microsoft.com/windows-server/administration/windows-commands/wevtutil

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
  /** XML of the events; read to its end before anything else is asked for. */
  readonly events: AsyncIterable<string>
  /** Number of the last record in its channel; known behind the last event. */
  lastRecordId(): number | undefined
}

const eventEnd = '</Event>'

/** Runs wevtutil, one at a time. */
export class Wevtutil {
  readonly #directory = mkdtempSync(join(tmpdir(), 'skald-events-'))
  readonly #locale: string | undefined
  readonly #silenceMs: number
  #running: RunningProgram | undefined

  /** `locale` is a name such as `en-US`; `silenceMs` the time after which a silent program is ended. */
  constructor(locale: string | undefined, silenceMs = eventSilenceMsMax) {
    this.#locale = locale
    this.#silenceMs = silenceMs
  }

  /** Number of a channel's newest or oldest record; `undefined` where it has none. */
  async recordAt(end: 'newest' | 'oldest', channel: string): Promise<number | undefined> {
    const query = { channel, xpath: '*', list: undefined }
    const page = this.#query(query, [`/rd:${end === 'newest'}`, '/f:XML', '/c:1'])
    let recordId: number | undefined
    for await (const event of page.events) {
      recordId = Number(/<EventRecordID>(\d+)</.exec(event)?.[1] ?? Number.NaN)
    }
    if (recordId === undefined) return undefined
    // A forwarded event has the number that its own computer gave it.
    const last = page.lastRecordId() ?? recordId
    if (Number.isSafeInteger(last)) return last
    throw new Error(`the ${end} record of ${channel} has no number`)
  }

  /** Gives the events behind a record, or all where it is 0. */
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
      // An output that breaks off is best explained by the program.
      const end = await running.ended
      throw end.exitCode === 0 || end.exitCode === null ? error : new WevtutilError(end)
    } finally {
      running.child.kill()
      await running.ended
      this.#running = undefined
    }
  }

  /** What a program writes, as long as it writes. The time that a reader takes does not count. */
  async *#heard(running: RunningProgram): AsyncGenerator<Buffer> {
    const chunks = running.child.stdout[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await this.#inTime(chunks.next(), running)
        if (done) return
        yield value
      }
    } finally {
      // The program is told that nobody reads on, and can end.
      running.child.stdout.destroy()
    }
  }

  /** Waits, and ends the program when that takes too long. */
  async #inTime<T>(wanted: Promise<T>, { child }: RunningProgram): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        child.kill('SIGKILL')
        // What it started may hold its output open.
        child.stdout.destroy()
        child.stderr.destroy()
        reject(
          new Error(`wevtutil was silent for ${formatDurationMs(this.#silenceMs)}, and was ended`),
        )
      }, this.#silenceMs)
    })
    try {
      return await Promise.race([wanted, silence])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the program that runs. */
  stop(): void {
    this.#running?.child.kill()
  }

  /** Gives its files back. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** The place in a channel that wevtutil saved; `undefined` where it saved none. */
function readBookmarkOf(path: string, channel: string): number | undefined {
  try {
    const bytes = readFileSync(path)
    const places = parseBookmark(decoderOf(bytes).decode(bytes))
    return placeOf(places, channel) ?? [...places.values()].at(-1)
  } catch {
    // The events' own numbers say where they lie.
    return undefined
  }
}

/**
 * Cuts an output into events. Of one that is larger than any event can be the first part is given, without its
 * end.
 *
 * @throws Error when the output ends within an event.
 */
async function* splitEvents(output: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined
  let rest = ''
  let isTooLong = false
  for await (const chunk of output) {
    decoder ??= decoderOf(chunk)
    // The end of an event may lie across two chunks.
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
