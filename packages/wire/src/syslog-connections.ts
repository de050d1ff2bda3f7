// The connections of a syslog listener. A sender gets no answer, so each is read only as fast as there is room.

import type net from 'node:net'
import { cutSyslogFrames, type SyslogFrame } from './syslog-frames.ts'

/** Takes the next message of a connection. */
export type TakeFrame = (frame: SyslogFrame) => void

export interface SyslogConnectionsOptions {
  /** A connection that is silent for so long is closed. */
  readonly idleTimeoutMs: number
  readonly messageBytesMax: number
  /** Where messages go. */
  readonly sink: { readonly hasRoom: boolean; room(): Promise<unknown> }
}

export class SyslogConnections {
  readonly #options: SyslogConnectionsOptions
  readonly #sockets = new Set<net.Socket>()
  readonly #reading = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: SyslogConnectionsOptions) {
    this.#options = options
  }

  /** Reads a connection to its end. `open` runs first, and returns what takes its messages. */
  accept(socket: net.Socket, open: () => TakeFrame | Promise<TakeFrame>): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    // The loop that reads a connection ends when the connection is reset.
    socket.on('error', () => undefined)
    socket.on('timeout', () => socket.end())
    const reading = this.#read(socket, open).catch(() => undefined)
    this.#reading.add(reading)
    void reading.then(() => this.#reading.delete(reading))
  }

  /** Breaks all connections. Resolves when what they had sent is taken. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#reading)
  }

  async #read(socket: net.Socket, open: () => TakeFrame | Promise<TakeFrame>): Promise<void> {
    const { idleTimeoutMs, messageBytesMax, sink } = this.#options
    const take = await open()
    socket.setTimeout(idleTimeoutMs)
    for await (const frame of cutSyslogFrames(socket, messageBytesMax)) {
      if (!sink.hasRoom && !this.#isClosed) {
        // The silence is ours.
        socket.setTimeout(0)
        await sink.room()
        socket.setTimeout(idleTimeoutMs)
      }
      take(frame)
    }
  }
}
